// A lane is a row, so that every row is summed in its own order. Two vectors of rows hide the
// latency of the additions. This file is compiled without contraction: w - q s is two roundings.
#include "kernels/rounding_sums.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rounding_sums.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<double>;
using F = hn::Rebind<float, D>;

std::int64_t Rows() { return 2 * static_cast<std::int64_t>(hn::Lanes(D())); }

void Sums(const float* w, std::int64_t k, const float* scales, float low, float high,
          RoundingSums* sums) {
  const D d;
  const F f;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto lo = hn::Set(f, low);
  const auto hi = hn::Set(f, high);
  const auto s0 = hn::LoadU(f, scales);
  const auto s1 = hn::LoadU(f, scales + lanes);
  auto error0 = hn::Zero(d);
  auto error1 = error0, wq0 = error0, wq1 = error0, qq0 = error0, qq1 = error0;
  const auto add = [&](const auto v, const auto s, auto& error, auto& wq, auto& qq) {
    const auto q = hn::Min(hn::Max(hn::Round(hn::Div(v, s)), lo), hi);
    const auto off = hn::Sub(v, hn::Mul(q, s));
    error = hn::Add(error, hn::PromoteTo(d, hn::Mul(off, off)));
    const auto code = hn::PromoteTo(d, q);
    wq = hn::MulAdd(hn::PromoteTo(d, v), code, wq);  // exact products
    qq = hn::MulAdd(code, code, qq);
  };
  for (std::int64_t i = 0; i < k; ++i, w += 2 * lanes) {
    add(hn::LoadU(f, w), s0, error0, wq0, qq0);
    add(hn::LoadU(f, w + lanes), s1, error1, wq1, qq1);
  }
  HWY_ALIGN double lane[HWY_MAX_BYTES / sizeof(double)];
  const auto store = [&](const auto values, std::int64_t first, double RoundingSums::*member) {
    hn::Store(values, d, lane);
    for (std::int64_t i = 0; i < lanes; ++i) sums[first + i].*member = lane[i];
  };
  store(error0, 0, &RoundingSums::error);
  store(error1, lanes, &RoundingSums::error);
  store(wq0, 0, &RoundingSums::wq);
  store(wq1, lanes, &RoundingSums::wq);
  store(qq0, 0, &RoundingSums::qq);
  store(qq1, lanes, &RoundingSums::qq);
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {

HWY_EXPORT(Rows);
HWY_EXPORT(Sums);

std::int64_t rounding_rows() { return HWY_DYNAMIC_DISPATCH(Rows)(); }

void rounding_sums(const float* w, std::int64_t k, const float* scales, float low, float high,
                   RoundingSums* sums) {
  HWY_DYNAMIC_DISPATCH(Sums)(w, k, scales, low, high, sums);
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
