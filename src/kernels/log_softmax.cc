#include "kernels/log_softmax.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/log_softmax.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// After foreach_target.
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;

// Sum over i of term(i), a vector each; *done: how many values that took in.
template <typename Term>
double SumOf(std::int64_t count, std::int64_t* done, const Term& term) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  double total = 0;
  std::int64_t i = 0;
  while (i + lanes <= count) {
    auto sum = hn::Zero(d);
    for (int step = 0; step < 64 && i + lanes <= count; ++step, i += lanes)
      sum = hn::Add(sum, term(i));
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
  }
  *done = i;
  return total;
}

void LogSoftmax(float* x, std::int64_t count) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const float top = *std::max_element(x, x + count);
  const auto max = hn::Set(d, top);
  std::int64_t i = 0;
  double sum = SumOf(
      count, &i, [&](std::int64_t at) { return hn::Exp(d, hn::Sub(hn::LoadU(d, x + at), max)); });
  for (; i < count; ++i) sum += std::exp(static_cast<double>(x[i] - top));
  const auto shift = static_cast<float>(std::log(sum));
  const auto shifts = hn::Set(d, shift);
  for (i = 0; i + lanes <= count; i += lanes)
    hn::StoreU(hn::Sub(hn::Sub(hn::LoadU(d, x + i), max), shifts), d, x + i);
  for (; i < count; ++i) x[i] = x[i] - top - shift;
}

double KlDivergence(const float* p, const float* q, std::int64_t count) {
  const F d;
  std::int64_t i = 0;
  double sum = SumOf(count, &i, [&](std::int64_t at) {
    const auto a = hn::LoadU(d, p + at);
    return hn::Mul(hn::Exp(d, a), hn::Sub(a, hn::LoadU(d, q + at)));
  });
  for (; i < count; ++i)
    sum += std::exp(static_cast<double>(p[i])) *
           (static_cast<double>(p[i]) - static_cast<double>(q[i]));
  return sum;
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {

HWY_EXPORT(LogSoftmax);
HWY_EXPORT(KlDivergence);

void log_softmax(float* x, std::int64_t count) { HWY_DYNAMIC_DISPATCH(LogSoftmax)(x, count); }

double kl_divergence(const float* p, const float* q, std::int64_t count) {
  return HWY_DYNAMIC_DISPATCH(KlDivergence)(p, q, count);
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
