#pragma once
// A QuantizedLinear as the tensors of a folder of the traditional way (modelslim_v0).
//
//   weight I8 [n,k] · bias · weight_scale, weight_offset [n,1], [n,k/group] or [1] ·
//   weight_scale_second [n,k/group] and weight_offset_second I64 (two levels) · scale_bias F32 ·
//   input_scale, input_offset [1] · quant_bias I32 [n] · deq_scale [n] or [1]
//
//   W8A8, W8A8_MIX      all but the second level and scale_bias
//   W8A8S               these without weight_scale and weight_offset
//   W8A8_DYNAMIC, W8A16 weight, scale, offset
//   W4A16               the same; two output rows a byte [n/2,k] with groups, else two columns
//                       [n,k/2]
//   W4A8_DYNAMIC        weight [n/2,k], both levels, scale_bias: 8 times the sums of the values
// Scales, offsets and bias are in the model's dtype, the bias is FLOAT. The layout of old MindIE
// versions does not pack int4 and has no scale_bias.

#include "save/linear_tensors.h"

namespace msmodelslim {

// The codes move out of `linear`.
std::vector<OutputTensor> v0_tensors(QuantizedLinear linear, DType model_dtype, bool mindie);

}  // namespace msmodelslim
