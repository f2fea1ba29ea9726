#pragma once
// Means and their standard errors.

#include <cmath>
#include <span>
#include <vector>

namespace msmodelslim {

struct MeanError {
  double mean = 0;
  double error = 0;  // standard error of the mean
};

inline MeanError mean_error(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  const auto n = static_cast<double>(values.size());
  const double mean = sum / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / (n > 1 ? n - 1 : 1) / n)};
}

// Of a[i] - b[i].
inline MeanError mean_difference(std::span<const double> a, std::span<const double> b) {
  std::vector<double> differences(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  return mean_error(differences);
}

}  // namespace msmodelslim
