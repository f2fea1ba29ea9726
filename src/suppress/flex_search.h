#pragma once
// Search of alpha and beta for flex_smooth_quant (reference: outlier-suppression 5).
//
//   score(alpha, beta) = rms(q8(X/t) q8(W t)^T - X W^T) / rms(X W^T),
//   t = colmax|X|^alpha * colmax|W|^-beta,  q8: int8 per row, symmetric, step = max|row| / 127
//   stage 1: alpha over 0, 0.05 .. 1 with beta = 1 - alpha; stage 2: beta with the best alpha.
//   Among equal scores the larger grid value wins; a NaN score never wins.
//
// What we do differently: products of codes are exact integers; scores below 2^-23, which is
// rounding noise, are equal. Beyond 512 rows the candidates of a stage race: all start on 256 rows
// (those of the largest sum of squares and an even spread of the others); whoever's squared error
// is more than the fraction 0.8 / sqrt(rows seen) above the smallest falls out; the survivors see
// all rows, in steps of 1024.

#include <cstdint>
#include <vector>

namespace msmodelslim {

struct FlexChoice {
  double alpha = 0;
  double beta = 0;
  double score = 0;    // of the choice; infinity when no score was a number
  bool found = false;  // false: every score was NaN (a zero row), nothing is smoothed
};

// Weights that read the same input: [rows, k] each.
struct WeightPiece {
  const float* values;
  std::int64_t rows;
};

// How q8 rounds the rows of X.
enum class FlexInput {
  kPerRow,    // as above
  kPerTensor  // one asymmetric scale for all rows: modelslim_v0, whose activations are static
};

// x [rows, k]: the calibration rows. Not `race`: every candidate sees all rows.
FlexChoice search_flex(const float* x, std::int64_t rows, const std::vector<WeightPiece>& weights,
                       std::int64_t k, bool race = true, FlexInput input = FlexInput::kPerRow);

}  // namespace msmodelslim
