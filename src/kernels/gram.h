#pragma once
// h += x^T x, the upper triangle: half the work of a general product.

#include <cstdint>

namespace msmodelslim {

// x [rows, width], h [width, width], fp32. The elements of h below the diagonal may be changed too.
// All threads; the result does not depend on their number.
void add_gram(const float* x, std::int64_t rows, std::int64_t width, float* h);

// The same for columns [begin, end) of h alone: the bytes that add_gram() leaves there. Both lie on
// borders of gram_border(), or are `width`.
void add_gram_columns(const float* x, std::int64_t rows, std::int64_t width, std::int64_t begin,
                      std::int64_t end, float* h);

// Columns of the upper triangle cut into `parts` parts with about the same work: where part
// `index` begins; `index` = `parts`: width.
std::int64_t gram_border(std::int64_t width, int index, int parts);

}  // namespace msmodelslim
