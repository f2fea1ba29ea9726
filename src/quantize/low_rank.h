#pragma once
// A low-rank branch beside a quantized linear (Li et al., "SVDQuant", 2024; reference: quantizers
// 15): the leading singular vectors hold what is large in W, and only the rest is quantized.
//
//   W ~ L2 L1:  L1 = V^T [rank, in],  L2 = U S [out, rank];  R = W - L2 L1
//   y = quantized(R) x + b + (x L1^T) L2^T
// What we do differently: the singular vectors are exact to about 1e-3 of the energy they hold (the
// Python tool's are those of two random power iterations); L1 and L2 are rounded to the model's
// dtype before R is made, so that R holds their rounding errors too; R is fp32.

#include <cstdint>
#include <vector>

#include "forward/block.h"

namespace msmodelslim {

struct LowRank {
  std::int64_t rank = 0;  // 0: no branch
  std::vector<float> l1;  // [rank, in]
  std::vector<float> l2;  // [out, rank]
};

// L1 and L2 of the linear's weight, rounded to `dtype`. Throws DataError for NaN or infinite
// weights. rank <= min(out, in).
LowRank low_rank_of(Linear& linear, std::int64_t rank, DType dtype);

// R, fp32 [out, in].
std::vector<float> residual_of(Linear& linear, const LowRank& branch);

// y [rows, out] += (x L1^T) L2^T, products as ProductWeight does them. x [rows, in].
void add_low_rank(const LowRank& branch, const float* x, std::int64_t rows, DType compute,
                  float* y);

}  // namespace msmodelslim
