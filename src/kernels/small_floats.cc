#include "kernels/small_floats.h"

#include <algorithm>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/small_floats.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;
using U = hn::RebindToUnsigned<F>;
using V = hn::Vec<F>;

HWY_INLINE V Value(float x) { return hn::Set(F(), x); }

// The largest power of two <= x; x > 0 and normal, or 0.
HWY_INLINE V PowerOf(V x) {
  return hn::BitCast(F(), hn::And(hn::BitCast(U(), x), hn::Set(U(), 0x7f800000U)));
}

// 1 / p of a power of two between 2^-126 and 2^126.
HWY_INLINE V Inverse(V p) {
  return hn::BitCast(F(), hn::Sub(hn::Set(U(), 254U << 23), hn::BitCast(U(), p)));
}

HWY_INLINE V WithSignOf(V magnitude, V x) {
  return hn::IfThenElse(hn::IsNaN(x), x, hn::CopySign(magnitude, x));
}

// a on the grid of `per` steps from `power` to 2 power, halves up, at most `largest`.
HWY_INLINE V HalfUp(V a, V power, float per, float largest) {
  const V scaled = hn::Mul(a, hn::Mul(Inverse(power), Value(per)));
  const V steps = hn::Floor(hn::Add(scaled, Value(0.5F)));
  return hn::Min(hn::Mul(steps, hn::Mul(power, Value(1 / per))), Value(largest));
}

struct E4m3 {
  float down;
  float up;
  HWY_INLINE V operator()(V x) const {
    const V y = hn::Mul(x, Value(down));
    const V a = hn::Min(hn::Abs(y), Value(1024.0F));
    const V power = hn::Max(PowerOf(a), Value(0x1p-6F));
    return hn::Mul(WithSignOf(HalfUp(a, power, 8.0F, 448.0F), y), Value(up));
  }
};

struct E4m3Even {
  float scale;
  HWY_INLINE V operator()(V x) const {
    const V y = hn::Div(x, Value(scale));
    const V a = hn::Min(hn::Abs(y), Value(448.0F));
    const V power = hn::Max(PowerOf(a), Value(0x1p-6F));
    const V steps = hn::Round(hn::Mul(a, hn::Mul(Inverse(power), Value(8.0F))));
    const V value = hn::Mul(steps, hn::Mul(power, Value(0.125F)));
    return hn::Mul(WithSignOf(value, y), Value(scale));
  }
};

struct E2m1 {
  float down;
  float up;
  HWY_INLINE V operator()(V x) const {
    const V y = hn::Mul(x, Value(down));
    const V a = hn::Min(hn::Abs(y), Value(8.0F));
    const V seen = PowerOf(hn::Add(a, Value(9.6e-7F)));  // the tie at the end of a power goes up
    const V power = hn::Min(hn::Max(seen, Value(1.0F)), Value(4.0F));
    return hn::Mul(WithSignOf(HalfUp(a, power, 2.0F, 6.0F), y), Value(up));
  }
};

template <typename Rounding>
HWY_INLINE void All(const Rounding& round, const float* x, float* out, std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(round(hn::LoadU(d, x + i)), d, out + i);
  if (i == count) return;
  HWY_ALIGN float rest[hn::MaxLanes(d)] = {};
  std::copy(x + i, x + count, rest);
  hn::Store(round(hn::Load(d, rest)), d, rest);
  std::copy_n(rest, count - i, out + i);
}

void RoundE4m3(const float* x, float down, float up, float* out, std::int64_t count) {
  All(E4m3{down, up}, x, out, count);
}

void RoundE2m1(const float* x, float down, float up, float* out, std::int64_t count) {
  All(E2m1{down, up}, x, out, count);
}

void RoundE4m3Even(const float* x, float scale, float* out, std::int64_t count) {
  All(E4m3Even{scale}, x, out, count);
}

// The bits of a magnitude, moved to where fp32 has them, lack 2^120: also those below the smallest
// normal code.
HWY_INLINE V E4m3Value(hn::Vec<U> code) {
  const U u;
  const auto magnitude = hn::And(code, hn::Set(u, 0x7fU));
  const V scaled = hn::Mul(hn::BitCast(F(), hn::ShiftLeft<20>(magnitude)), Value(0x1p120F));
  const auto nan = hn::RebindMask(F(), hn::Eq(magnitude, hn::Set(u, 0x7fU)));
  const V value = hn::IfThenElse(nan, Value(std::numeric_limits<float>::quiet_NaN()), scaled);
  const auto sign = hn::ShiftLeft<24>(hn::And(code, hn::Set(u, 0x80U)));
  return hn::Or(value, hn::BitCast(F(), sign));
}

void DecodeE4m3(const std::uint8_t* codes, float* out, std::int64_t count) {
  const U u;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(u));
  const auto decode = [](const std::uint8_t* from, float* to) HWY_ATTR {
    hn::StoreU(E4m3Value(hn::PromoteTo(U(), hn::LoadU(hn::Rebind<std::uint8_t, U>(), from))), F(),
               to);
  };
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) decode(codes + i, out + i);
  if (i == count) return;
  std::uint8_t last[hn::MaxLanes(u)] = {};
  float values[hn::MaxLanes(u)];
  std::copy(codes + i, codes + count, last);
  decode(last, values);
  std::copy_n(values, count - i, out + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {
namespace {

HWY_EXPORT(RoundE4m3);
HWY_EXPORT(RoundE2m1);
HWY_EXPORT(RoundE4m3Even);
HWY_EXPORT(DecodeE4m3);

}  // namespace

void round_e4m3(const float* x, float down, float up, float* out, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(RoundE4m3)(x, down, up, out, count);
}

void round_e2m1(const float* x, float down, float up, float* out, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(RoundE2m1)(x, down, up, out, count);
}

void round_e4m3_even(const float* x, float scale, float* out, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(RoundE4m3Even)(x, scale, out, count);
}

void decode_e4m3(const std::uint8_t* codes, float* out, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(DecodeE4m3)(codes, out, count);
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
