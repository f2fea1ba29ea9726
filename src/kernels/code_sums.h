#pragma once
// From exact sums of products of codes to outputs. No step is fused with another: the same bits on
// every processor.

#include <cstdint>

namespace msmodelslim {

struct SumTile {
  const std::int32_t* sums;  // [rows, cols], rows `stride` apart
  std::int64_t rows;
  std::int64_t cols;
  std::int64_t stride;
};

// y[r * ldy + c] = float(sums[r, c]) * row_scale[r] * column_scale[c] + bias[c]; `bias` null: none
void scale_sums(const SumTile& tile, const float* row_scale, const float* column_scale,
                const float* bias, float* y, std::int64_t ldy);

// y[r * ldy + c] = float(sums[r, c] + sum_bias[c]) * column_scale[c] + bias[c]; `bias` null: none
void scale_biased_sums(const SumTile& tile, const std::int32_t* sum_bias, const float* column_scale,
                       const float* bias, float* y, std::int64_t ldy);

}  // namespace msmodelslim
