#pragma once
// How far two results are apart: sums of squares, fp32 over 64 vectors, joined in double. For the
// searches that compare a quantized product with the exact one.

#include <cstdint>

namespace msmodelslim {

// sum over i of (a[i] - b[i])^2
double squared_distance(const float* a, const float* b, std::int64_t count);

// sum over i of (sums[i] * row_scale * column_scales[i] - exact[i])^2: one row of a product of
// codes against the same row of the float product.
double squared_distance_s8(const std::int32_t* sums, float row_scale, const float* column_scales,
                           const float* exact, std::int64_t count);

struct ErrorSums {
  double aa = 0, bb = 0, ab = 0;  // sums of products
  double dd = 0;                  // of (a[i] - b[i])^2
};
ErrorSums error_sums(const float* a, const float* b, std::int64_t count);

}  // namespace msmodelslim
