#include "kernels/ops.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "tensor/codec.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// After highway.h, once per target.
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;

void RmsNorm(const float* x, const float* weight, const float* bias, float eps, float* out,
             std::int64_t rows, std::int64_t width) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* in = x + r * width;
    float* to = out + r * width;
    double total = 0;
    std::int64_t i = 0;
    // Sums of 64 vectors in fp32, joined in double.
    for (; i + lanes <= width;) {
      auto sum = hn::Zero(d);
      for (int step = 0; step < 64 && i + lanes <= width; ++step, i += lanes) {
        const auto v = hn::LoadU(d, in + i);
        sum = hn::MulAdd(v, v, sum);
      }
      total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
    }
    for (; i < width; ++i) total += static_cast<double>(in[i]) * static_cast<double>(in[i]);
    const auto mean = static_cast<float>(total / static_cast<double>(width));
    const float inverse = 1.0F / std::sqrt(mean + eps);
    const auto factor = hn::Set(d, inverse);
    for (i = 0; i + lanes <= width; i += lanes) {
      auto v = hn::Mul(hn::Mul(hn::LoadU(d, in + i), factor), hn::LoadU(d, weight + i));
      if (bias != nullptr) v = hn::Add(v, hn::LoadU(d, bias + i));
      hn::StoreU(v, d, to + i);
    }
    for (; i < width; ++i) to[i] = in[i] * inverse * weight[i] + (bias != nullptr ? bias[i] : 0.0F);
  }
}

void SiluMul(const float* gate, const float* up, float* out, std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto one = hn::Set(d, 1.0F);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto g = hn::LoadU(d, gate + i);
    const auto denominator = hn::Add(one, hn::Exp(d, hn::Neg(g)));
    hn::StoreU(hn::Mul(hn::Div(g, denominator), hn::LoadU(d, up + i)), d, out + i);
  }
  for (; i < count; ++i) out[i] = gate[i] / (1.0F + std::exp(-gate[i])) * up[i];
}

void Add(const float* a, const float* b, float* out, std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, out + i);
  for (; i < count; ++i) out[i] = a[i] + b[i];
}

void Softmax(float* x, float scale, std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto factor = hn::Set(d, scale);
  std::int64_t i = 0;
  auto top = hn::Set(d, -std::numeric_limits<float>::infinity());
  for (; i + lanes <= count; i += lanes) {
    const auto v = hn::Mul(hn::LoadU(d, x + i), factor);
    hn::StoreU(v, d, x + i);
    top = hn::Max(top, v);
  }
  float largest = hn::GetLane(hn::MaxOfLanes(d, top));
  for (; i < count; ++i) {
    x[i] *= scale;
    largest = x[i] > largest ? x[i] : largest;
  }
  const auto max = hn::Set(d, largest);
  auto sums = hn::Zero(d);
  for (i = 0; i + lanes <= count; i += lanes) {
    const auto e = hn::Exp(d, hn::Sub(hn::LoadU(d, x + i), max));
    hn::StoreU(e, d, x + i);
    sums = hn::Add(sums, e);
  }
  float total = hn::GetLane(hn::SumOfLanes(d, sums));
  for (; i < count; ++i) {
    x[i] = std::exp(x[i] - largest);
    total += x[i];
  }
  const float inverse = 1.0F / total;
  const auto normal = hn::Set(d, inverse);
  for (i = 0; i + lanes <= count; i += lanes)
    hn::StoreU(hn::Mul(hn::LoadU(d, x + i), normal), d, x + i);
  for (; i < count; ++i) x[i] *= inverse;
}

MinMax MinMaxOf(const float* x, std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto low = hn::Set(d, x[0]);
  auto high = low;
  auto nan = hn::Zero(d);  // all bits set where an element is NaN
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto v = hn::LoadU(d, x + i);
    low = hn::Min(low, v);
    high = hn::Max(high, v);
    nan = hn::Or(nan, hn::VecFromMask(d, hn::IsNaN(v)));
  }
  MinMax result{hn::GetLane(hn::MinOfLanes(d, low)), hn::GetLane(hn::MaxOfLanes(d, high))};
  bool any_nan = !hn::AllTrue(d, hn::Eq(nan, nan));
  for (; i < count; ++i) {
    any_nan = any_nan || std::isnan(x[i]);
    result.min = x[i] < result.min ? x[i] : result.min;
    result.max = x[i] > result.max ? x[i] : result.max;
  }
  if (any_nan) result.min = result.max = std::numeric_limits<float>::quiet_NaN();
  return result;
}

void ColumnMinMax(const float* x, std::int64_t rows, std::int64_t width, float* min, float* max) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* in = x + r * width;
    std::int64_t i = 0;
    for (; i + lanes <= width; i += lanes) {
      const auto v = hn::LoadU(d, in + i);
      hn::StoreU(hn::Min(hn::LoadU(d, min + i), v), d, min + i);
      hn::StoreU(hn::Max(hn::LoadU(d, max + i), v), d, max + i);
    }
    for (; i < width; ++i) {
      min[i] = in[i] < min[i] ? in[i] : min[i];
      max[i] = in[i] > max[i] ? in[i] : max[i];
    }
  }
}

// round_half_even(x / scale + offset) clamped; the division is a real one, as in the Python tool.
template <class V>
HWY_INLINE V Codes(F d, V x, V scale, V offset, V low, V high) {
  return hn::Min(hn::Max(hn::Round(hn::Add(hn::Div(x, scale), offset)), low), high);
}

// As Codes for one value; NaN gives low, which an integer can hold.
float CodeOf(float x, float scale, float offset, float low) {
  const float code = std::nearbyint(x / scale + offset);
  return code > 127.0F ? 127.0F : (code >= low ? code : low);
}

void QuantizeS8(const float* x, float scale, float offset, float low, std::int8_t* codes,
                std::int64_t count) {
  const F d;
  const hn::Rebind<std::int8_t, F> d8;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto s = hn::Set(d, scale);
  const auto o = hn::Set(d, offset);
  const auto lo = hn::Set(d, low);
  const auto hi = hn::Set(d, 127.0F);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto code = Codes(d, hn::LoadU(d, x + i), s, o, lo, hi);
    const hn::RebindToSigned<F> d32;
    hn::StoreU(hn::DemoteTo(d8, hn::ConvertTo(d32, code)), d8, codes + i);
  }
  for (; i < count; ++i) codes[i] = static_cast<std::int8_t>(CodeOf(x[i], scale, offset, low));
}

void FakeQuantizeS8(const float* x, float scale, float offset, float* out, std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto s = hn::Set(d, scale);
  const auto o = hn::Set(d, offset);
  const auto lo = hn::Set(d, -128.0F);
  const auto hi = hn::Set(d, 127.0F);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto code = Codes(d, hn::LoadU(d, x + i), s, o, lo, hi);
    hn::StoreU(hn::Mul(hn::Sub(code, o), s), d, out + i);
  }
  for (; i < count; ++i) out[i] = (CodeOf(x[i], scale, offset, -128.0F) - offset) * scale;
}

// The bit pattern rounded to its upper half, to nearest even; NaN stays NaN.
template <class V>
hn::Vec<hn::RebindToUnsigned<F>> RoundedBits(V v) {
  const F d;
  const hn::RebindToUnsigned<F> du;
  const auto bits = hn::BitCast(du, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1U));
  const auto rounded = hn::Add(hn::Add(bits, hn::Set(du, 0x7fffU)), odd);
  const auto quiet = hn::Or(bits, hn::Set(du, 0x400000U));
  const auto number = hn::BitCast(du, hn::VecFromMask(d, hn::Eq(v, v)));
  const auto result = hn::IfThenElse(hn::Ne(number, hn::Zero(du)), rounded, quiet);
  return hn::And(result, hn::Set(du, 0xffff0000U));
}

void RoundBf16(const float* x, float* out, std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(hn::BitCast(d, RoundedBits(hn::LoadU(d, x + i))), d, out + i);
  for (; i < count; ++i) out[i] = msmodelslim::round_to_bf16(x[i]);
}

void F32ToBf16(const float* x, std::uint16_t* out, std::int64_t count) {
  const F d;
  const hn::Rebind<std::uint16_t, F> d16;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto upper = hn::ShiftRight<16>(RoundedBits(hn::LoadU(d, x + i)));
    hn::StoreU(hn::TruncateTo(d16, upper), d16, out + i);
  }
  for (; i < count; ++i) out[i] = msmodelslim::f32_to_bf16(x[i]);
}

void Bf16ToF32(const std::uint16_t* x, float* out, std::int64_t count) {
  const F d;
  const hn::RebindToUnsigned<F> du;
  const hn::Rebind<std::uint16_t, F> d16;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto wide = hn::ShiftLeft<16>(hn::PromoteTo(du, hn::LoadU(d16, x + i)));
    hn::StoreU(hn::BitCast(d, wide), d, out + i);
  }
  for (; i < count; ++i) {
    const std::uint32_t bits = static_cast<std::uint32_t>(x[i]) << 16;
    std::memcpy(out + i, &bits, 4);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {

HWY_EXPORT(RmsNorm);
HWY_EXPORT(SiluMul);
HWY_EXPORT(Add);
HWY_EXPORT(Softmax);
HWY_EXPORT(MinMaxOf);
HWY_EXPORT(ColumnMinMax);
HWY_EXPORT(QuantizeS8);
HWY_EXPORT(FakeQuantizeS8);
HWY_EXPORT(RoundBf16);
HWY_EXPORT(Bf16ToF32);
HWY_EXPORT(F32ToBf16);

void rms_norm(const float* x, const float* weight, const float* bias, float eps, float* out,
              std::int64_t rows, std::int64_t width) {
  HWY_DYNAMIC_DISPATCH(RmsNorm)(x, weight, bias, eps, out, rows, width);
}
void silu_mul(const float* gate, const float* up, float* out, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(SiluMul)(gate, up, out, count);
}
void add(const float* a, const float* b, float* out, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(Add)(a, b, out, count);
}
void add_to(float* accumulator, const float* x, std::int64_t count) {
  add(accumulator, x, accumulator, count);
}
void add_bias(float* y, const float* bias, std::int64_t rows, std::int64_t width) {
  for (std::int64_t r = 0; r < rows; ++r) add_to(y + r * width, bias, width);
}
void softmax(float* x, float scale, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(Softmax)(x, scale, count);
}
MinMax min_max(const float* x, std::int64_t count) {
  return HWY_DYNAMIC_DISPATCH(MinMaxOf)(x, count);
}
float abs_max(const float* x, std::int64_t count) {
  const MinMax range = min_max(x, count);
  return std::isnan(range.min) ? range.min : std::fmax(std::fabs(range.min), std::fabs(range.max));
}
void column_min_max(const float* x, std::int64_t rows, std::int64_t width, float* min, float* max) {
  HWY_DYNAMIC_DISPATCH(ColumnMinMax)(x, rows, width, min, max);
}
void quantize_s8(const float* x, float scale, float offset, float low, std::int8_t* codes,
                 std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(QuantizeS8)(x, scale, offset, low, codes, count);
}
void fake_quantize_s8(const float* x, float scale, float offset, float* out, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(FakeQuantizeS8)(x, scale, offset, out, count);
}
void round_bf16(const float* x, float* out, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(RoundBf16)(x, out, count);
}
void bf16_to_f32(const std::uint16_t* x, float* out, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(Bf16ToF32)(x, out, count);
}
void f32_to_bf16(const float* x, std::uint16_t* out, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(F32ToBf16)(x, out, count);
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
