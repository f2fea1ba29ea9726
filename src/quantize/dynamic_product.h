#pragma once
// W8A8_DYNAMIC: y = (xq q^T) * sx * sw + bias,  sx = max|row| / 127, xq = rne(x / sx). The sums are
// exact int32.

#include <cstdint>
#include <vector>

#include "quantize/code_weight.h"

namespace msmodelslim {

// Codes of activations with a scale per row.
struct DynamicInput {
  std::vector<std::int8_t> codes;  // [rows, in]
  std::vector<float> scales;       // [rows]
};

// x [rows, in]
void quantize_per_token(const float* x, std::int64_t rows, std::int64_t in, DynamicInput& out);
// int4 codes, one a byte; sx = clip_ratio * max|row| / 7
void quantize_per_token_int4(const float* x, std::int64_t rows, std::int64_t in, float clip_ratio,
                             DynamicInput& out);

// A weight with a scale per row, and where its product with the input goes.
struct DynamicProduct {
  const CodeWeight* weight;
  const float* weight_scale;  // [out]
  const float* bias;          // [out] or null
  float* y;                   // [rows, out]
};
void multiply_dynamic(const DynamicInput& input, const std::vector<DynamicProduct>& products,
                      std::int64_t rows);

}  // namespace msmodelslim
