#pragma once
// The inner loop of attention in bfloat16: sums of products of pairs, in fp32.

#include <cstdint>

namespace msmodelslim {

inline constexpr std::int64_t kBf16Rows = 14;  // at most, of x
inline constexpr std::int64_t kBf16Cols = 32;  // of the panel

// y[rows][32], rows `stride` apart, = x * panel.
// x [pairs][rows][2], 1 <= rows <= 14; panel [pairs][32][2]; bfloat16 bit patterns.
// Only on processors with AVX512-BF16.
void bf16_tile(std::int64_t rows, const std::uint16_t* x, const std::uint16_t* panel,
               std::int64_t pairs, float* y, std::int64_t stride);

}  // namespace msmodelslim
