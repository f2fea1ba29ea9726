#include "kernels/distance.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/distance.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;

// `difference(i)`: a vector of differences from element i on; `last(i)`: one difference.
template <class Vector, class Scalar>
double SumOfSquares(std::int64_t count, const Vector& difference, const Scalar& last) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  double total = 0;
  std::int64_t i = 0;
  while (i + lanes <= count) {
    auto sum = hn::Zero(d);
    for (int step = 0; step < 64 && i + lanes <= count; ++step, i += lanes) {
      const auto v = difference(i);
      sum = hn::MulAdd(v, v, sum);
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
  }
  for (; i < count; ++i) {
    const auto v = static_cast<double>(last(i));
    total += v * v;
  }
  return total;
}

double SquaredDistance(const float* a, const float* b, std::int64_t count) {
  const F d;
  return SumOfSquares(
      count, [&](std::int64_t i) { return hn::Sub(hn::LoadU(d, a + i), hn::LoadU(d, b + i)); },
      [&](std::int64_t i) { return a[i] - b[i]; });
}

double SquaredDistanceS8(const std::int32_t* sums, float row_scale, const float* column_scales,
                         const float* exact, std::int64_t count) {
  const F d;
  const hn::RebindToSigned<F> d32;
  const auto row = hn::Set(d, row_scale);
  return SumOfSquares(
      count,
      [&](std::int64_t i) {
        const auto scale = hn::Mul(row, hn::LoadU(d, column_scales + i));
        const auto value = hn::Mul(hn::ConvertTo(d, hn::LoadU(d32, sums + i)), scale);
        return hn::Sub(value, hn::LoadU(d, exact + i));
      },
      [&](std::int64_t i) {
        return static_cast<float>(sums[i]) * (row_scale * column_scales[i]) - exact[i];
      });
}

ErrorSums ErrorSumsOf(const float* a, const float* b, std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto total = [&](auto sums) {
    return static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sums)));
  };
  ErrorSums all;
  std::int64_t i = 0;
  while (i + lanes <= count) {
    auto aa = hn::Zero(d);
    auto bb = aa;
    auto ab = aa;
    auto dd = aa;
    for (int step = 0; step < 64 && i + lanes <= count; ++step, i += lanes) {
      const auto x = hn::LoadU(d, a + i);
      const auto y = hn::LoadU(d, b + i);
      const auto difference = hn::Sub(x, y);
      aa = hn::MulAdd(x, x, aa);
      bb = hn::MulAdd(y, y, bb);
      ab = hn::MulAdd(x, y, ab);
      dd = hn::MulAdd(difference, difference, dd);
    }
    all.aa += total(aa);
    all.bb += total(bb);
    all.ab += total(ab);
    all.dd += total(dd);
  }
  for (; i < count; ++i) {
    const double x = a[i];
    const double y = b[i];
    all.aa += x * x;
    all.bb += y * y;
    all.ab += x * y;
    all.dd += (x - y) * (x - y);
  }
  return all;
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {

HWY_EXPORT(SquaredDistance);
HWY_EXPORT(SquaredDistanceS8);
HWY_EXPORT(ErrorSumsOf);

double squared_distance(const float* a, const float* b, std::int64_t count) {
  return HWY_DYNAMIC_DISPATCH(SquaredDistance)(a, b, count);
}
double squared_distance_s8(const std::int32_t* sums, float row_scale, const float* column_scales,
                           const float* exact, std::int64_t count) {
  return HWY_DYNAMIC_DISPATCH(SquaredDistanceS8)(sums, row_scale, column_scales, exact, count);
}
ErrorSums error_sums(const float* a, const float* b, std::int64_t count) {
  return HWY_DYNAMIC_DISPATCH(ErrorSumsOf)(a, b, count);
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
