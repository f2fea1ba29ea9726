#include "kernels/grad/ops.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/grad/ops.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// After highway.h, once per target.
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;

void RmsNormGrad(const float* x, const float* weight, float eps, const float* dy, float* dx,
                 std::int64_t rows, std::int64_t width) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* in = x + r * width;
    const float* from = dy + r * width;
    float* to = dx + r * width;
    double squares = 0;
    double products = 0;
    std::int64_t i = 0;
    while (i + lanes <= width) {  // 64 vectors in fp32, joined in double
      auto square = hn::Zero(d);
      auto product = hn::Zero(d);
      for (int step = 0; step < 64 && i + lanes <= width; ++step, i += lanes) {
        const auto v = hn::LoadU(d, in + i);
        square = hn::MulAdd(v, v, square);
        product = hn::MulAdd(hn::Mul(v, hn::LoadU(d, weight + i)), hn::LoadU(d, from + i), product);
      }
      squares += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, square)));
      products += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, product)));
    }
    for (; i < width; ++i) {
      squares += static_cast<double>(in[i]) * static_cast<double>(in[i]);
      products += static_cast<double>(in[i] * weight[i]) * static_cast<double>(from[i]);
    }
    const auto n = static_cast<double>(width);
    const double inverse = 1.0 / std::sqrt(squares / n + static_cast<double>(eps));
    const auto scale = static_cast<float>(inverse);
    const auto pull = static_cast<float>(inverse * inverse * inverse / n * products);
    const auto scales = hn::Set(d, scale);
    const auto pulls = hn::Set(d, pull);
    for (i = 0; i + lanes <= width; i += lanes) {
      const auto direct =
          hn::Mul(hn::Mul(hn::LoadU(d, weight + i), hn::LoadU(d, from + i)), scales);
      hn::StoreU(hn::NegMulAdd(hn::LoadU(d, in + i), pulls, direct), d, to + i);
    }
    for (; i < width; ++i) to[i] = weight[i] * from[i] * scale - in[i] * pull;
  }
}

void SiluMulGrad(const float* gate, const float* up, const float* dy, float* dgate, float* dup,
                 std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto one = hn::Set(d, 1.0F);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto g = hn::LoadU(d, gate + i);
    const auto v = hn::LoadU(d, dy + i);
    const auto s = hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(g))));
    const auto slope = hn::Mul(s, hn::MulAdd(g, hn::Sub(one, s), one));
    hn::StoreU(hn::Mul(hn::Mul(v, hn::LoadU(d, up + i)), slope), d, dgate + i);
    hn::StoreU(hn::Mul(v, hn::Mul(g, s)), d, dup + i);
  }
  for (; i < count; ++i) {
    const float v = dy[i];
    const float s = 1.0F / (1.0F + std::exp(-gate[i]));
    dgate[i] = v * up[i] * s * (1.0F + gate[i] * (1.0F - s));
    dup[i] = v * gate[i] * s;
  }
}

double AbsoluteError(const float* y, const float* target, float* out, std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto one = hn::Set(d, 1.0F);
  double total = 0;
  std::int64_t i = 0;
  while (i + lanes <= count) {
    auto sum = hn::Zero(d);
    for (int step = 0; step < 64 && i + lanes <= count; ++step, i += lanes) {
      const auto e = hn::Sub(hn::LoadU(d, y + i), hn::LoadU(d, target + i));
      sum = hn::Add(sum, hn::Abs(e));
      const auto sign = hn::IfThenZeroElse(hn::Eq(e, hn::Zero(d)), hn::CopySign(one, e));
      hn::StoreU(sign, d, out + i);
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
  }
  for (; i < count; ++i) {
    const float e = y[i] - target[i];
    total += static_cast<double>(std::fabs(e));
    out[i] = e == 0.0F ? 0.0F : std::copysign(1.0F, e);
  }
  return total;
}

double SquaredError(const float* y, const float* target, float* out, std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  double total = 0;
  std::int64_t i = 0;
  while (i + lanes <= count) {
    auto sum = hn::Zero(d);
    for (int step = 0; step < 64 && i + lanes <= count; ++step, i += lanes) {
      const auto e = hn::Sub(hn::LoadU(d, y + i), hn::LoadU(d, target + i));
      sum = hn::MulAdd(e, e, sum);
      hn::StoreU(hn::Add(e, e), d, out + i);
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
  }
  for (; i < count; ++i) {
    const float e = y[i] - target[i];
    total += static_cast<double>(e * e);
    out[i] = 2.0F * e;
  }
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {

HWY_EXPORT(RmsNormGrad);
HWY_EXPORT(SiluMulGrad);
HWY_EXPORT(AbsoluteError);
HWY_EXPORT(SquaredError);

void rms_norm_grad(const float* x, const float* weight, float eps, const float* dy, float* dx,
                   std::int64_t rows, std::int64_t width) {
  HWY_DYNAMIC_DISPATCH(RmsNormGrad)(x, weight, eps, dy, dx, rows, width);
}
void silu_mul_grad(const float* gate, const float* up, const float* dy, float* dgate, float* dup,
                   std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(SiluMulGrad)(gate, up, dy, dgate, dup, count);
}
double absolute_error(const float* y, const float* target, float* d, std::int64_t count) {
  return HWY_DYNAMIC_DISPATCH(AbsoluteError)(y, target, d, count);
}
double squared_error(const float* y, const float* target, float* d, std::int64_t count) {
  return HWY_DYNAMIC_DISPATCH(SquaredError)(y, target, d, count);
}

void rotate_half_grad(float* dy, std::int64_t rows, std::int64_t heads, std::int64_t head_dim,
                      std::int64_t half, const float* cos, const float* sin,
                      std::int64_t position) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* c = cos + (position + r) * half;
    const float* s = sin + (position + r) * half;
    for (std::int64_t h = 0; h < heads; ++h) {
      float* low = dy + (r * heads + h) * head_dim;
      float* high = low + half;
      for (std::int64_t i = 0; i < half; ++i) {
        const float a = low[i];
        const float b = high[i];
        low[i] = a * c[i] + b * s[i];
        high[i] = b * c[i] - a * s[i];
      }
    }
  }
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
