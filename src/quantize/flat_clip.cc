#include "quantize/flat_clip.h"

#include <algorithm>
#include <cmath>

#include "kernels/learned_round.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

constexpr RoundRange kInt4 = {0.0F, -8.0F, 7.0F};

}  // namespace

void fake_int4_row(const float* x, float ratio, float least, float* y, std::int64_t count) {
  const float scale = std::max(ratio * abs_max(x, count), least) / kInt4.high;
  if (scale > 0)
    learned_round(x, nullptr, scale, kInt4, y, count);
  else
    std::fill_n(y, count, 0.0F);
}

double fake_int4_row_grad(const float* x, float ratio, float least, const float* dy, float* dx,
                          std::int64_t count) {
  const float largest = abs_max(x, count);
  const float scale = std::max(ratio * largest, least) / kInt4.high;
  if (!(scale > 0)) {
    if (dx != dy) std::copy_n(dy, count, dx);
    return 0;
  }
  // Without a push v the step changes nothing; it returns ds, and reads dy only.
  const float ds = learned_round_step(x, nullptr, dy, scale, kInt4, 0.0F, count);
  for (std::int64_t i = 0; i < count; ++i) {
    const float t = x[i] / scale;  // rne(t) is a code
    dx[i] = t >= kInt4.low - 0.5F && t < kInt4.high + 0.5F ? dy[i] : 0.0F;
  }
  if (!(ratio * largest > least)) return 0;
  const float* peak =
      std::find_if(x, x + count, [largest](float value) { return std::fabs(value) == largest; });
  if (peak != x + count) dx[peak - x] += ds * ratio / kInt4.high * std::copysign(1.0F, *peak);
  return static_cast<double>(ds) * static_cast<double>(largest / kInt4.high);
}

void clip_row(const float* x, ClipRatios ratios, float* y, std::int64_t count) {
  const MinMax range = min_max(x, count);
  const float low = range.min * ratios.low;
  const float high = range.max * ratios.high;
  for (std::int64_t i = 0; i < count; ++i) y[i] = std::min(std::max(x[i], low), high);
}

ClipRatios clip_row_grad(const float* x, ClipRatios ratios, const float* dy, float* dx,
                         std::int64_t count) {
  const MinMax range = min_max(x, count);
  const float low = range.min * ratios.low;
  const float high = range.max * ratios.high;
  float below = 0;
  float above = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const float d = dy[i];
    if (x[i] > high)
      above += d;
    else if (x[i] < low)
      below += d;
    dx[i] = x[i] > high || x[i] < low ? 0.0F : d;
  }
  const auto add = [&](float extreme, float gradient) {
    const float* at = std::find(x, x + count, extreme);
    if (at != x + count) dx[at - x] += gradient;  // NaN is not found
  };
  add(range.max, above * ratios.high);
  add(range.min, below * ratios.low);
  return {below * range.min, above * range.max};
}

}  // namespace msmodelslim
