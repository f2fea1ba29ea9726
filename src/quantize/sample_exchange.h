#pragma once
// What a linear under calibration has to know of samples that other ranks have, or that another
// chunk of this rank has.

#include <cstdint>
#include <vector>

#include "forward/context.h"
#include "kernels/ops.h"

namespace msmodelslim {

class SampleExchange {
 public:
  virtual ~SampleExchange() = default;
  // The ranges of all samples in front of the chunk at work, in order, given those of the chunk's
  // own. Returns when every chunk in front has come to this linear.
  virtual std::vector<MinMax> before(const Linear& linear, const std::vector<MinMax>& mine) = 0;
  // The number of the chunk at work among those of this rank.
  virtual std::size_t chunk() const = 0;
};

}  // namespace msmodelslim
