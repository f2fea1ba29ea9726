#include "suppress/outlier_channels.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace msmodelslim {
namespace {

// The value at `share` of the way through the sorted values, between neighbours in a line.
double quantile(std::vector<float> values, double share) {
  std::sort(values.begin(), values.end());
  const double at = share * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  const auto a = static_cast<double>(values[low]);
  return a + (static_cast<double>(values[high]) - a) * (at - static_cast<double>(low));
}

double variance(const float* values, std::size_t count) {
  if (count < 2) return 0;
  double mean = 0;
  for (std::size_t i = 0; i < count; ++i) mean += static_cast<double>(values[i]);
  mean /= static_cast<double>(count);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double d = static_cast<double>(values[i]) - mean;
    sum += d * d;
  }
  return sum / static_cast<double>(count - 1);
}

// Of at least two candidates: the largest that is no outlier.
float cut_of(std::vector<float> candidates) {
  std::sort(candidates.begin(), candidates.end(), std::greater<>());
  double best = -1000;
  float cut = candidates.front();
  for (std::size_t i = 0; i + 1 < candidates.size(); ++i) {
    const double gap = static_cast<double>(candidates[i] - candidates[i + 1]);
    const double metric = gap - variance(&candidates[i + 1], candidates.size() - i - 1);
    if (metric <= best) continue;
    best = metric;
    cut = candidates[i + 1];
  }
  return cut;
}

// One side; outliers are large.
std::vector<float> side_scales(const std::vector<float>& values) {
  constexpr double kReach = 1.5;
  constexpr double kRate = 0.7;
  const double low = quantile(values, 0.2);
  const double high = quantile(values, 0.8);
  auto threshold = static_cast<float>(high + kReach * (high - low));
  std::vector<float> candidates;
  for (const float value : values)
    if (value > threshold) candidates.push_back(value);
  if (candidates.size() > 1) threshold = cut_of(candidates);
  float largest = -std::numeric_limits<float>::infinity();
  for (const float value : values)
    if (!(value > threshold)) largest = std::max(largest, value);
  std::vector<float> scales(values.size(), 1.0F);
  if (!(largest > 0)) return scales;
  for (std::size_t j = 0; j < values.size(); ++j)
    if (values[j] > threshold)
      scales[j] = static_cast<float>(std::pow(static_cast<double>(values[j] / largest), kRate));
  return scales;
}

// What rounding the inputs to 256 levels over their whole range costs behind the weights, up to a
// constant: step^2 * sum of w^2. With scales: inputs / s, weights * s.
double rounding_cost(const SpreadTap::Stats& stats, const std::vector<float>& weight,
                     const std::vector<float>* scales) {
  double low = 0;
  double high = 0;
  double sum = 0;
  for (std::size_t j = 0; j < weight.size(); ++j) {
    const double s = scales == nullptr ? 1 : static_cast<double>((*scales)[j]);
    low = std::min(low, static_cast<double>(stats.min[j]) / s);
    high = std::max(high, static_cast<double>(stats.max[j]) / s);
    sum += s * s * static_cast<double>(weight[j]) * static_cast<double>(weight[j]);
  }
  return (high - low) * (high - low) * sum;
}

}  // namespace

std::vector<float> outlier_suppression_scales(const SpreadTap::Stats& stats,
                                              const std::vector<float>& weight) {
  std::vector<float> scales(stats.peak.size(), 1.0F);
  for (std::size_t j = 0; j < scales.size(); ++j)
    if (static_cast<double>(stats.peak[j]) > stats.std)
      scales[j] = std::max(std::sqrt(stats.peak[j]) / std::sqrt(weight[j]), 1e-5F);
  if (rounding_cost(stats, weight, &scales) > rounding_cost(stats, weight, nullptr))
    scales.assign(scales.size(), 1.0F);
  return scales;
}

std::vector<float> cbq_scales(const std::vector<float>& min, const std::vector<float>& max) {
  std::vector<float> mirrored = min;
  for (float& value : mirrored) value = -value;
  std::vector<float> scales = side_scales(max);
  const std::vector<float> other = side_scales(mirrored);
  for (std::size_t j = 0; j < scales.size(); ++j) scales[j] = std::max(scales[j], other[j]);
  return scales;
}

}  // namespace msmodelslim
