#pragma once
// Uniform integer quantization (reference: quantizers 3.1).
//
//   lo = min(lo, 0), hi = max(hi, 0)
//   symmetric   s = max(max(-lo, hi) / B, eps), o = 0               B = 127 (8 bit), 7 (4 bit)
//   asymmetric  s = max(hi / B - lo / B, eps), o = min(rne(-lo / s) - H, H - 1)
//               B = 255, 15;  H = 128, 8
//   q = clamp(rne(x / s + o), -H, H - 1),  x' = (q - o) * s          eps = 2^-23
// What we do differently: for a bf16 or fp16 model the scale is rounded to that dtype once, before
// anything uses it, because engines store it so; all other arithmetic is fp32. The offset is a
// code: a scale rounded down cannot push it beyond H - 1.

#include <cstdint>

#include "tensor/dtype.h"

namespace msmodelslim {

struct QuantParam {
  float scale = 1;
  float offset = 0;
};

// `bits` 8 or 4. `scale_dtype` F32: the scale is not rounded.
QuantParam integer_param(float lo, float hi, bool symmetric, int bits, DType scale_dtype);

float round_to_dtype(float value, DType dtype);

}  // namespace msmodelslim
