#pragma once
// Tensors of a quantized linear that several layouts have in common.

#include "quantize/quantized_linear.h"

namespace msmodelslim {

Tensor float_tensor(const std::vector<float>& values, Shape shape, DType dtype = DType::kF32);

// sx * sw, fp32 [out].
std::vector<float> dequant_scale(const QuantizedLinear& linear);
// F32 for a bf16 model, else I64 with the fp32 bits.
Tensor deq_scale_tensor(const std::vector<float>& deq, DType model_dtype);
Tensor quant_bias_tensor(const QuantizedLinear& linear, const std::vector<float>& deq);

// Two output rows in one byte: row 2i in the low nibble, row 2i+1 in the high one.
Tensor pack_rows(const QuantizedLinear& linear);
// Two columns in one byte, the even one low.
Tensor pack_columns(const QuantizedLinear& linear);

// W4A8: 8 times the sum of q * scale over the columns, for row-parallel linears per 1/16 of them.
Tensor scale_bias_tensor(const QuantizedLinear& linear);

}  // namespace msmodelslim
