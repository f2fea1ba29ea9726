#pragma once
// Rounding with a learned push, for one row (or group) of weights with one scale, fp32.
//
//   t = w / s + clamp(v, -bound, bound)      q = clamp(rne(t), low, high)      w' = s q
// and its gradient, the rounding passed straight through. With G = dL/dw' and in = [low <= rne(t)
// <= high]:
//   dv = G s in [|v| <= bound]       ds = sum(G (q - in w / s))

#include <cstdint>

namespace msmodelslim {

struct RoundRange {
  float bound;  // of v; infinity: v is not clamped
  float low;
  float high;
};

// v null: no push. out = w'.
void learned_round(const float* w, const float* v, float scale, RoundRange range, float* out,
                   std::int64_t count);
void learned_codes(const float* w, const float* v, float scale, RoundRange range,
                   std::int8_t* codes, std::int64_t count);
// v -= rate sign(dv); returns ds.
float learned_round_step(const float* w, float* v, const float* grad, float scale, RoundRange range,
                         float rate, std::int64_t count);

}  // namespace msmodelslim
