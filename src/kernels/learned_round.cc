#include "kernels/learned_round.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/learned_round.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;
using V = hn::Vec<F>;

// The values of one vector of weights.
struct Rounded {
  V x;    // w / s
  V raw;  // rne(t)
  V q;
};

HWY_INLINE Rounded RoundVector(const float* w, const float* v, V scale, RoundRange range) {
  const F d;
  Rounded r{hn::Div(hn::LoadU(d, w), scale), hn::Zero(d), hn::Zero(d)};
  V t = r.x;
  if (v != nullptr)
    t = hn::Add(
        t, hn::Min(hn::Max(hn::LoadU(d, v), hn::Set(d, -range.bound)), hn::Set(d, range.bound)));
  r.raw = hn::Round(t);
  r.q = hn::Min(hn::Max(r.raw, hn::Set(d, range.low)), hn::Set(d, range.high));
  return r;
}

// One weight; `raw` receives rne(t).
HWY_INLINE float RoundOne(float w, const float* v, float scale, RoundRange range, float* raw) {
  const float push = v == nullptr ? 0.0F : std::clamp(*v, -range.bound, range.bound);
  *raw = std::nearbyint(w / scale + push);
  return std::clamp(*raw, range.low, range.high);
}

void Round(const float* w, const float* v, float scale, RoundRange range, float* out,
           std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const V s = hn::Set(d, scale);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(hn::Mul(s, RoundVector(w + i, v == nullptr ? v : v + i, s, range).q), d, out + i);
  float raw = 0;
  for (; i < count; ++i)
    out[i] = scale * RoundOne(w[i], v == nullptr ? v : v + i, scale, range, &raw);
}

void Codes(const float* w, const float* v, float scale, RoundRange range, std::int8_t* codes,
           std::int64_t count) {
  const F d;
  const hn::Rebind<std::int32_t, F> d32;
  const hn::Rebind<std::int8_t, F> d8;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const V s = hn::Set(d, scale);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const V q = RoundVector(w + i, v == nullptr ? v : v + i, s, range).q;
    hn::StoreU(hn::DemoteTo(d8, hn::ConvertTo(d32, q)), d8, codes + i);
  }
  float raw = 0;
  for (; i < count; ++i)
    codes[i] =
        static_cast<std::int8_t>(RoundOne(w[i], v == nullptr ? v : v + i, scale, range, &raw));
}

float Step(const float* w, float* v, const float* grad, float scale, RoundRange range, float rate,
           std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const V s = hn::Set(d, scale);
  const V zero = hn::Zero(d);
  V sums = zero;
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const Rounded r = RoundVector(w + i, v == nullptr ? v : v + i, s, range);
    const V g = hn::LoadU(d, grad + i);
    const auto inside = hn::Eq(r.raw, r.q);
    sums = hn::MulAdd(g, hn::Sub(r.q, hn::IfThenElseZero(inside, r.x)), sums);
    if (v == nullptr) continue;
    const V push = hn::LoadU(d, v + i);
    const V dv = hn::Mul(g, s);
    const auto moves =
        hn::And(hn::And(inside, hn::Ne(dv, zero)), hn::Le(hn::Abs(push), hn::Set(d, range.bound)));
    const V step = hn::IfThenElseZero(moves, hn::CopySign(hn::Set(d, rate), dv));
    hn::StoreU(hn::Sub(push, step), d, v + i);
  }
  float total = hn::GetLane(hn::SumOfLanes(d, sums));
  for (; i < count; ++i) {
    float raw = 0;
    const float q = RoundOne(w[i], v == nullptr ? v : v + i, scale, range, &raw);
    const bool inside = raw == q;
    total += grad[i] * (q - (inside ? w[i] / scale : 0.0F));
    const float dv = grad[i] * scale;
    if (v != nullptr && inside && dv != 0.0F && std::fabs(v[i]) <= range.bound)
      v[i] -= std::copysign(rate, dv);
  }
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {

HWY_EXPORT(Round);
HWY_EXPORT(Codes);
HWY_EXPORT(Step);

void learned_round(const float* w, const float* v, float scale, RoundRange range, float* out,
                   std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(Round)(w, v, scale, range, out, count);
}
void learned_codes(const float* w, const float* v, float scale, RoundRange range,
                   std::int8_t* codes, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(Codes)(w, v, scale, range, codes, count);
}
float learned_round_step(const float* w, float* v, const float* grad, float scale, RoundRange range,
                         float rate, std::int64_t count) {
  return HWY_DYNAMIC_DISPATCH(Step)(w, v, grad, scale, range, rate, count);
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
