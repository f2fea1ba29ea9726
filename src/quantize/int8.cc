#include "quantize/int8.h"

#include <algorithm>
#include <cmath>

#include "tensor/codec.h"

namespace msmodelslim {

float round_to_dtype(float value, DType dtype) {
  if (dtype == DType::kBF16) return round_to_bf16(value);
  if (dtype == DType::kF16) return round_to_f16(value);
  return value;
}

QuantParam integer_param(float lo, float hi, bool symmetric, int bits, DType scale_dtype) {
  constexpr float kEps = 0x1p-23F;
  const float half = bits == 8 ? 128.0F : 8.0F;
  const float low = std::min(lo, 0.0F);
  const float high = std::max(hi, 0.0F);
  QuantParam param;
  if (symmetric) {
    param.scale = std::max(std::max(-low, high) / (half - 1), kEps);
  } else {
    const float levels = 2 * half - 1;
    param.scale = std::max(high / levels - low / levels, kEps);
  }
  // A half cannot hold eps: such a row is all zero or nearly so, keep the smallest half above 0.
  const float rounded = round_to_dtype(param.scale, scale_dtype);
  if (rounded > 0) param.scale = rounded;
  if (!symmetric) param.offset = std::min(std::nearbyint(-low / param.scale) - half, half - 1);
  return param;
}

}  // namespace msmodelslim
