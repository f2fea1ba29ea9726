#pragma once
// The clipped int4 rounding that FlatQuant learns with, and its gradients; one row, fp32, on the
// calling thread (reference: quantizers 14).
//
//   int4   s = max(ratio max |x|, least) / 7,  q = clamp(rne(x / s), -8, 7),  y = s q
//   clip   y = clamp(x, low_ratio min(x), high_ratio max(x))
// Rounding counts as the identity in the gradient; the largest values get their share of it. Where
// s is 0 or raised to `least` it has none.

#include <cstdint>

namespace msmodelslim {

struct ClipRatios {
  float low = 1;
  float high = 1;
};

void fake_int4_row(const float* x, float ratio, float least, float* y, std::int64_t count);
// dx may be dy. Returns the gradient of `ratio`.
double fake_int4_row_grad(const float* x, float ratio, float least, const float* dy, float* dx,
                          std::int64_t count);

void clip_row(const float* x, ClipRatios ratios, float* y, std::int64_t count);
// dx may be dy. Returns the gradients of the ratios.
ClipRatios clip_row_grad(const float* x, ClipRatios ratios, const float* dy, float* dx,
                         std::int64_t count);

}  // namespace msmodelslim
