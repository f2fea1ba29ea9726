#pragma once
// h += x^T x, the upper triangle: half the work of a general product.

#include <cstdint>

namespace msmodelslim {

// x [rows, width], h [width, width], fp32. The elements of h below the diagonal may be changed too.
// All threads; the result does not depend on their number.
void add_gram(const float* x, std::int64_t rows, std::int64_t width, float* h);

}  // namespace msmodelslim
