// A product with 1 / s, and a division only next to a half, was slower than to divide. This file is
// compiled without contraction: w - q s is two roundings.
#include "kernels/rounding_sums.h"

#include <algorithm>
#include <array>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rounding_sums.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<double, kRoundingLanes>;
using F = hn::Rebind<float, D>;

constexpr std::int64_t kWidth = hn::MaxLanes(D());
constexpr std::size_t kVectors = kRoundingLanes / kWidth;
constexpr std::int64_t kExact = 1024;  // squares of codes that fp32 adds without rounding

class Sums {
 public:
  Sums(float scale, float low, float high)
      : s_(hn::Set(f_, scale)), low_(hn::Set(f_, low)), high_(hn::Set(f_, high)) {
    for (auto* sums : {&error_, &wq_, &qq_})
      for (auto& sum : *sums) sum = hn::Zero(d_);
    for (auto& sum : squares_) sum = hn::Zero(f_);
  }

  // kRoundingLanes values.
  void add(const float* w) {
    for (std::size_t i = 0; i < kVectors; ++i) {
      const auto v = hn::LoadU(f_, w + static_cast<std::int64_t>(i) * kWidth);
      const auto q = hn::Min(hn::Max(hn::Round(hn::Div(v, s_)), low_), high_);
      const auto off = hn::Sub(v, hn::Mul(q, s_));
      error_[i] = hn::Add(error_[i], hn::PromoteTo(d_, hn::Mul(off, off)));
      // An exact product.
      wq_[i] = hn::MulAdd(hn::PromoteTo(d_, v), hn::PromoteTo(d_, q), wq_[i]);
      squares_[i] = hn::Add(squares_[i], hn::Mul(q, q));
    }
  }

  void flush_squares() {
    for (std::size_t i = 0; i < kVectors; ++i) {
      qq_[i] = hn::Add(qq_[i], hn::PromoteTo(d_, squares_[i]));
      squares_[i] = hn::Zero(f_);
    }
  }

  RoundingSums result() const { return {total(error_), total(wq_), total(qq_)}; }

 private:
  using Vector = hn::Vec<F>;
  using Doubles = hn::Vec<D>[kVectors];

  double total(const Doubles& sums) const {
    alignas(64) double lanes[kRoundingLanes];
    for (std::size_t i = 0; i < kVectors; ++i)
      hn::StoreU(sums[i], d_, lanes + static_cast<std::int64_t>(i) * kWidth);
    double sum = 0;
    for (const double lane : lanes) sum += lane;
    return sum;
  }

  const F f_{};
  const D d_{};
  Vector s_;
  Vector low_;
  Vector high_;
  Doubles error_;
  Doubles wq_;
  Doubles qq_;
  Vector squares_[kVectors];
};

RoundingSums SumsOf(const float* w, std::int64_t k, float scale, float low, float high) {
  Sums sums(scale, low, high);
  std::int64_t i = 0;
  while (i + kRoundingLanes <= k) {
    const std::int64_t end = std::min(k, i + kExact * kRoundingLanes);
    for (; i + kRoundingLanes <= end; i += kRoundingLanes) sums.add(w + i);
    sums.flush_squares();
  }
  if (i < k) {
    std::array<float, kRoundingLanes> last{};  // a zero adds nothing
    std::copy(w + i, w + k, last.begin());
    sums.add(last.data());
    sums.flush_squares();
  }
  return sums.result();
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {

HWY_EXPORT(SumsOf);

RoundingSums rounding_sums(const float* w, std::int64_t k, float scale, float low, float high) {
  return HWY_DYNAMIC_DISPATCH(SumsOf)(w, k, scale, low, high);
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
