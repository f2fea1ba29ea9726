#include "observe/recall_window.h"

#include <algorithm>

namespace msmodelslim {

MinMax recall_window(std::vector<float>& values, double ratio) {
  const auto n = static_cast<std::ptrdiff_t>(values.size());
  const auto wanted = static_cast<std::ptrdiff_t>(ratio * static_cast<double>(n));
  const std::ptrdiff_t kept = std::max<std::ptrdiff_t>(1, wanted);
  const std::ptrdiff_t windows = n - kept + 1;
  if (2 * windows >= n) {
    std::sort(values.begin(), values.end());
  } else {
    std::nth_element(values.begin(), values.begin() + windows, values.end());
    std::sort(values.begin(), values.begin() + windows);
    std::nth_element(values.begin() + windows, values.end() - windows, values.end());
    std::sort(values.end() - windows, values.end());
  }
  const auto width = [&](std::ptrdiff_t first) {
    return static_cast<double>(values[static_cast<std::size_t>(first + kept - 1)]) -
           static_cast<double>(values[static_cast<std::size_t>(first)]);
  };
  std::ptrdiff_t best = 0;
  for (std::ptrdiff_t first = 1; first < windows; ++first)
    if (width(first) < width(best)) best = first;
  return {values[static_cast<std::size_t>(best)],
          values[static_cast<std::size_t>(best + kept - 1)]};
}

}  // namespace msmodelslim
