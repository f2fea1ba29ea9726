#pragma once
// The inner loop of 8-bit products with sdot, which multiplies four codes of each of four columns
// with four codes of a row and adds them to four sums.

#include <cstdint>

namespace msmodelslim {

inline constexpr std::int64_t kDotRows = 8;
inline constexpr std::int64_t kDotCols = 8;
inline constexpr std::int64_t kDotDepth = 16;  // bytes of a vector

// out[8][8] = eight rows of x times eight columns of w. `depth` is a multiple of kDotDepth; the
// panel holds w as [depth / 4][column][4]. Only where has_s8_products() is true.
void dot_tile(const std::int8_t* const* x, const std::int8_t* panel, std::int64_t depth,
              std::int32_t* out);

}  // namespace msmodelslim
