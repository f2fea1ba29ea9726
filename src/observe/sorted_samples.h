#pragma once
// Every 100th of the sorted values, from the 50th on; all of them when there are fewer than 100.
// Source: analysis reference 1.4. They are sorted by counting: 16-bit values by their whole
// pattern, fp32 by three digits of it.

#include <cstdint>
#include <vector>

#include "tensor/dtype.h"

namespace msmodelslim {

// Rounds to `dtype` (kF32: not at all) before it sorts. Calling thread only.
std::vector<float> sorted_samples(const float* x, std::int64_t count, DType dtype);

}  // namespace msmodelslim
