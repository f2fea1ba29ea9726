#pragma once
// What attention in bfloat16 spends its time with: sums of products of pairs in fp32, rounding.

#include <cstdint>

namespace msmodelslim {

inline constexpr std::int64_t kBf16Rows = 14;  // at most, of x
inline constexpr std::int64_t kBf16Cols = 32;  // of the panel

// y[rows][32], rows `stride` apart, = x * panel.
// x [pairs][rows][2], 1 <= rows <= 14; panel [pairs][32][2]; bfloat16 bit patterns.
// Only on processors with AVX512-BF16.
void bf16_tile(std::int64_t rows, const std::uint16_t* x, const std::uint16_t* panel,
               std::int64_t pairs, float* y, std::int64_t stride);

// To nearest even; subnormal values become zeros.
void bf16_round(const float* x, std::uint16_t* out, std::int64_t count);

}  // namespace msmodelslim
