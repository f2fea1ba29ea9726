#pragma once
// Weight rules of modelslim_v0 that msModelSlim keeps in closed libraries. They were found from
// what it wrote for small models, and give the same codes and scales there.
//
//   hqq        min-max; the scale is then rounded to half precision (the offset was made before)
//   co_sparse  W8A8S: of all |w| of the tensor the floor(fraction * count) largest are outliers,
//   the
//              smallest of these belongs to the bulk; s = max |bulk of the row| / 7
//   lowbit     W8A8S: s = (the floor(fraction * in)-th largest |w| of the row) / 7
//              with `sigma_factor`: s = (the largest |w| of the row that is at most sigma_factor
//              times the unbiased standard deviation of its |w|) / 7
//   two_level  W4A8: s1 = max |w| / 119 per row, q8 = rne(w / s1);
//              s2 = max(rne(max |q8| / 7), 1) per group, q4 = clamp(rne(q8 / s2), -8, 7)
// Outliers of W8A8S share the scale and keep 8 bits.
//
// What we do differently: a row of co_sparse that is all outliers takes the threshold as its
// largest value; a fraction below one value of the row gives it one (msModelSlim stops).

#include <vector>

#include "quantize/weight.h"

namespace msmodelslim {

// Scale and offset of every row where they do not follow from that row's range alone: scope
// per_tensor, co_sparse, lowbit. Empty: they do.
std::vector<QuantParam> params_of_rows(const WeightConfig& config, const WeightRows& weight);

// Fills codes and scales of `out`. Throws DataError naming the linear for NaN or infinite weights.
void quantize_two_level(const WeightConfig& config, const WeightRows& weight, QuantizedLinear& out);

}  // namespace msmodelslim
