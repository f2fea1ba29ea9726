#pragma once
// GPTQ: columns are quantized one after the other, and the error of each is made good in the
// columns that follow (Frantar et al. 2022; reference: quantizers 6.4).
//
//   U = upper Cholesky factor of inverse(H + damping)
//   for each column j:  q = Q(w_j), e = (w_j - DQ(q)) / U[j,j],  w_t -= e U[j,t] for t > j
// in blocks of `block_size` columns, the columns behind a block as one product. Per channel the
// scale is that of the original row; per group it is taken when the group's first column is
// reached, from the columns as finished blocks have left them. Columns that never saw anything but
// zero are quantized as zero.
//   scale_search  the scale is the one of min * c, max * c, c in 0.4 .. 1, with the least
//                 sum (w - DQ(Q(w)))^2 / U[j,j]^2
//   act_order     columns by falling diagonal of H; groups then take their scale beforehand
//   refine_sweeps sweeps of coordinate descent behind it, see gptq_refine.h
// are ours. What we do differently: fp32 throughout; a factorization that fails is tried again with
// more damping, and in the end the linear is rounded plainly, with a warning.

#include "quantize/hessian.h"
#include "quantize/weight.h"

namespace msmodelslim {

// Fills codes, weight_scale and weight_offset of `out`. Throws DataError for NaN or infinite
// weights or inputs, and when no calibration row was seen.
void quantize_gptq(const WeightConfig& config, const WeightRows& weight, Hessian& hessian,
                   QuantizedLinear& out);

}  // namespace msmodelslim
