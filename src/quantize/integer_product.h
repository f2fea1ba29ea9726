#pragma once
// y = x W^T + b of a linear whose weight and activations both are integers, as an engine computes
// it: the codes are multiplied, their sums are exact.
//
//   y = (xq q^T - ox sum(q)) (sx sw) + b      sx, ox: scale and offset of a row of x
//
// The bias is added before y is rounded.
//
// The Python tool multiplies the dequantized values instead (in the model's dtype).

#include <cstdint>
#include <vector>

#include "quantize/quantized_linear.h"

namespace msmodelslim {

class IntegerProduct {
 public:
  // Whether the weight has one scale a row and no offset, the activations are not clipped, and
  // the sums fit 32 bits. Without it the
  // product has to take dequantized values.
  static bool computes(const QuantizedLinear& linear);
  // `linear`, of which that is true, must outlive the object.
  explicit IntegerProduct(const QuantizedLinear& linear);

  // x [rows, in], y [rows, out]; row r is quantized with rows[r]. All threads.
  void multiply(const float* x, const std::vector<QuantParam>& rows, float* y);

 private:
  const QuantizedLinear& linear_;
  std::vector<std::int32_t> code_sums_;  // [out], sum(q)
  std::vector<std::int8_t> codes_;       // [rows, in]
  std::vector<std::int32_t> sums_;       // [rows, out]
};

// One scale a token, as linears of this type take them at run time: int8, W4A4_DYNAMIC int4.
std::vector<QuantParam> token_params(LinearType type, const float* x, std::int64_t rows,
                                     std::int64_t width);

}  // namespace msmodelslim
