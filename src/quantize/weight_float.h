#pragma once
// Weights in 8- and 4-bit floating point, as the type of `out` says: WFP8AFP8_DYNAMIC (one scale a
// row) and the MX types. Data-free. How a block's exponent e is chosen (reference: quantizers 6):
//
//   minmax       mx_exponent of the block's largest magnitude
//   mse_round    mxfp8: floor or ceil of log2, whichever has the smaller squared error
//   ceil_x       mxfp4: ceil(log2(m / c)), c given or searched for the whole tensor
//   fouroversix  mxfp4: the largest value becomes 6 or 4, whichever has the smaller squared error
//   dualscale    mxfp4 of W / D, D = max|W| / 6 over dual_block columns

#include "quantize/weight.h"

namespace msmodelslim {

// Fills codes, and weight_scale or exponents (dual_scale) of `out`. Throws DataError for NaN or
// infinite weights. All threads.
void quantize_float_weight(const WeightConfig& config, const WeightRows& weight,
                           QuantizedLinear& out);

}  // namespace msmodelslim
