#pragma once
// A QuantizedLinear as the tensors of its on-disk type (checkpoint/ascendv1.h has the layouts).
//
//   deq = sx * sw;  corr = sum_j(q[i,j]) * ox;  quant_bias = clamp_int32(rne(b / deq - corr))
//   W4A8 scale_bias = 8 * sum_j(q * sw), for row-parallel linears per 1/16 of the columns

#include <string>
#include <vector>

#include "quantize/quantized_linear.h"

namespace msmodelslim {

struct OutputTensor {
  std::string name;
  Tensor tensor;
  LinearType type;  // what the description says
};

// AscendV1: scales and bias fp32. `model_dtype` decides the form of deq_scale.
// The codes move out of `linear`.
std::vector<OutputTensor> ascendv1_tensors(QuantizedLinear linear, DType model_dtype);

}  // namespace msmodelslim
