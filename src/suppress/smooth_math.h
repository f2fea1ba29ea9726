#pragma once
// Scales of the smoothing algorithms and how they move between weights.
//
//   SmoothQuant (Xiao et al., arXiv 2211.10438):  s = max(a^alpha / w^(1-alpha), floor)
//   flex_smooth_quant:                            s = max(a^alpha / w^beta, floor)
// a: largest |activation| per input channel; w: largest weight of the same column, at least 1e-5.
// All fp32. Source of the exact rules: outlier-suppression reference 2.8, 3, 4, 5.

#include <cstdint>
#include <vector>

#include "forward/block.h"

namespace msmodelslim {

// max over rows of |W[:,j]| (`is_signed`: of W[:,j]) over all given linears, then max(., 1e-5).
std::vector<float> column_max(const std::vector<Linear*>& linears, bool is_signed);

std::vector<float> smooth_scales(const std::vector<float>& act, const std::vector<float>& weight,
                                 double alpha, double beta, double floor);

// Reduces one scale per input channel of o_proj [heads * head_dim] to one per value channel
// [kv_heads * head_dim]. iter_smooth takes the mean of the query heads' scales; flex takes the
// maxima of a and w before the scale is computed.
struct HeadShape {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
};
std::vector<float> mean_over_query_heads(const std::vector<float>& values, const HeadShape& shape);
std::vector<float> max_over_query_heads(const std::vector<float>& values, const HeadShape& shape);
std::vector<float> repeat_for_query_heads(const std::vector<float>& values, const HeadShape& shape);

// Fusions; the float output of the block stays the same.
void scale_columns(Linear& linear, const std::vector<float>& scales);  // W[:,j] *= s[j]
void divide_rows(Linear& linear, const std::vector<float>& scales);    // W[i,:] /= s[i], bias too
void add_product(Linear& linear, const std::vector<float>& x);         // b += W x
void divide_norm(Norm& norm, const std::vector<float>& scales);        // weight and bias /= s

}  // namespace msmodelslim
