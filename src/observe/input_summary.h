#pragma once
// The input of a linear over the calibration set in a few figures, before and after a scale per
// channel has moved: x' = (x - z) / s. The second is computed out of the statistics of the first,
// without another pass.

#include <array>
#include <optional>
#include <vector>

#include "kernels/ops.h"

namespace msmodelslim {

struct InputSummary {
  static constexpr std::array<int, 6> kPercents = {1, 10, 50, 90, 99, 100};

  std::optional<MinMax> range;  // of all values; absent where only means were kept
  // Of the channels' largest |x| - or mean |x| - so many percent (nearest rank) are at most so big.
  std::array<float, kPercents.size()> channels{};
};

struct InputChange {
  bool means = false;  // `channels` are of mean |x|
  InputSummary before;
  InputSummary after;
};

// Smallest and largest x of every channel; `shift` (z) may be empty.
InputChange input_change(const std::vector<float>& min, const std::vector<float>& max,
                         const std::vector<float>& scales, const std::vector<float>& shift);
// The mean |x| of every channel.
InputChange input_change(const std::vector<float>& mean, const std::vector<float>& scales);

}  // namespace msmodelslim
