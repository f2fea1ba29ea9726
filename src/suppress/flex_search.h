#pragma once
// Search of alpha and beta for flex_smooth_quant (reference: outlier-suppression 5).
//
//   score(alpha, beta) = rms(q8(X/t) q8(W t)^T - X W^T) / rms(X W^T),
//   t = colmax|X|^alpha * colmax|W|^-beta,  q8: int8 per row, symmetric, step = max|row| / 127
//   stage 1: alpha over 0, 0.05 .. 1 with beta = 1 - alpha; stage 2: beta with the best alpha.
//   Among equal scores the larger grid value wins; a NaN score never wins.

#include <cstdint>
#include <vector>

namespace msmodelslim {

struct FlexChoice {
  double alpha = 0;
  double beta = 0;
  double score = 0;    // of the choice; infinity when no score was a number
  bool found = false;  // false: every score was NaN (a zero row), nothing is smoothed
};

// x [rows, k]: every calibration row; w [n, k]: the targets' weights, one below the other.
FlexChoice search_flex(const float* x, std::int64_t rows, const float* w, std::int64_t n,
                       std::int64_t k);

}  // namespace msmodelslim
