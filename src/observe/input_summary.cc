#include "observe/input_summary.h"

#include <algorithm>
#include <cmath>

namespace msmodelslim {
namespace {

std::array<float, InputSummary::kPercents.size()> percentiles(std::vector<float> values) {
  std::array<float, InputSummary::kPercents.size()> result{};
  if (values.empty()) return result;
  auto begin = values.begin();
  for (std::size_t i = 0; i < result.size(); ++i) {
    const double part = InputSummary::kPercents[i] / 100.0;
    const auto rank = std::max(1.0, std::ceil(part * static_cast<double>(values.size())));
    const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank) - 1;
    std::nth_element(begin, place, values.end());
    result[i] = *place;
    begin = place;  // all before it are smaller
  }
  return result;
}

InputSummary summary_of(const std::vector<float>& min, const std::vector<float>& max) {
  InputSummary summary;
  if (min.empty()) return summary;
  std::vector<float> largest(min.size());
  for (std::size_t j = 0; j < min.size(); ++j)
    largest[j] = std::max(std::fabs(min[j]), std::fabs(max[j]));
  summary.range =
      MinMax{*std::min_element(min.begin(), min.end()), *std::max_element(max.begin(), max.end())};
  summary.channels = percentiles(std::move(largest));
  return summary;
}

}  // namespace

InputChange input_change(const std::vector<float>& min, const std::vector<float>& max,
                         const std::vector<float>& scales, const std::vector<float>& shift) {
  InputChange change;
  change.before = summary_of(min, max);
  std::vector<float> low(min.size());
  std::vector<float> high(min.size());
  for (std::size_t j = 0; j < min.size(); ++j) {
    const float middle = shift.empty() ? 0.0F : shift[j];
    low[j] = (min[j] - middle) / scales[j];
    high[j] = (max[j] - middle) / scales[j];
  }
  change.after = summary_of(low, high);
  return change;
}

InputChange input_change(const std::vector<float>& mean, const std::vector<float>& scales) {
  InputChange change;
  change.means = true;
  change.before.channels = percentiles(mean);
  std::vector<float> after(mean.size());
  for (std::size_t j = 0; j < mean.size(); ++j) after[j] = mean[j] / scales[j];
  change.after.channels = percentiles(std::move(after));
  return change;
}

}  // namespace msmodelslim
