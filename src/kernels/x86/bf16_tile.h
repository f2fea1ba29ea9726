#pragma once
// Products of bfloat16 values with sums in fp32, of linears and of attention. Only on processors
// with AVX512-BF16.

#include <cstdint>

namespace msmodelslim {

inline constexpr std::int64_t kBf16Rows = 14;  // at most, of x
inline constexpr std::int64_t kBf16Cols = 32;  // of the panel

// y[rows][32] = x * panel, rows of y `stride` apart. x [rows][pairs][2], rows `line` apart, both in
// values; 1 <= rows <= 14; panel [pairs][32][2]; bfloat16 bit patterns.
void bf16_tile(std::int64_t rows, const std::uint16_t* x, std::int64_t line,
               const std::uint16_t* panel, std::int64_t pairs, float* y, std::int64_t stride);

// y[r * ldy + c] = x[r] w[c] of bfloat16 bit patterns, x [rows, k], w [cols, k]; rows <= 8. The
// order of the sums is the same for every row and column.
void bf16_dots(std::int64_t rows, const std::uint16_t* x, const std::uint16_t* w, std::int64_t cols,
               std::int64_t k, float* y, std::int64_t ldy);

// The panel of a tile from `cols` <= 32 rows of w [cols, 2 * pairs]; zeros in place of others.
void bf16_pack_panel(const std::uint16_t* w, std::int64_t cols, std::int64_t pairs,
                     std::uint16_t* panel);

// weights = e^(scale * (score - highest score)), rounded; returns their sum before they are. To be
// divided by it: the products of the weights. scale > 0.
float bf16_softmax(const float* scores, float scale, std::int64_t count, std::uint16_t* weights);

// To nearest even; subnormal values become zeros.
void bf16_round(const float* x, std::uint16_t* out, std::int64_t count);

}  // namespace msmodelslim
