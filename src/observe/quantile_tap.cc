#include "observe/quantile_tap.h"

#include <algorithm>
#include <cmath>

namespace msmodelslim {

QuantileTap::QuantileTap(const std::vector<std::string>& linears) {
  for (const std::string& name : linears) values_[name];
}

void QuantileTap::see(const Linear& linear, const float* x, std::int64_t,
                      const std::vector<Sequence>& sequences) {
  constexpr std::size_t kStep = 100;
  const std::int64_t width = linear.spec().in;
  std::vector<float>& kept = values_.at(linear.name());
  for (const Sequence& s : sequences) {
    std::vector<float> sorted(x + s.begin * width, x + (s.begin + s.rows) * width);
    std::sort(sorted.begin(), sorted.end());
    const bool few = sorted.size() < kStep;
    for (std::size_t i = few ? 0 : kStep / 2; i < sorted.size(); i += few ? 1 : kStep)
      kept.push_back(sorted[i]);
  }
}

double QuantileTap::score(const std::string& linear) const {
  std::vector<float> sorted = values_.at(linear);
  if (sorted.empty()) return 0;
  std::sort(sorted.begin(), sorted.end());
  const float largest = std::max(std::fabs(sorted.front()), std::fabs(sorted.back()));
  const std::size_t quarter = sorted.size() / 4;
  return 2 * largest / 254 / (sorted[3 * quarter] - sorted[quarter] + 1e-10F);
}

}  // namespace msmodelslim
