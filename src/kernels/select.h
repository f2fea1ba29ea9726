#pragma once
// Order statistics without sorting.

#include <cstdint>

namespace msmodelslim {

// The k-th smallest |x[i]|, k from 0 to count - 1. No NaN. Exact; all threads.
float kth_smallest_magnitude(const float* x, std::int64_t count, std::int64_t k);

}  // namespace msmodelslim
