#include "quantize/histogram_range.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace msmodelslim {
namespace {

// A window of bins [first, last] that loses values at one of its ends, a step at a time.
class Window {
 public:
  explicit Window(const std::vector<double>& counts) : sums_(counts.size()) {
    double sum = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) sums_[i] = sum += counts[i];
    last_ = counts.size() - 1;
  }
  std::size_t first() const { return first_; }
  std::size_t last() const { return last_; }

  // False at the end of the way; the window may stay the same.
  bool narrow() {
    constexpr double kStep = 1e-5;
    if (below_ + above_ >= 1 || first_ >= last_) return false;
    const double total = sums_.back();
    std::size_t left = first_;
    while (left < last_ && sums_[left] < (below_ + kStep) * total) ++left;
    std::size_t right = last_;
    while (right > first_ && sums_[right] > (1 - above_ - kStep) * total) --right;
    if (left - first_ > last_ - right) {
      first_ = left;
      below_ += kStep;
    } else {
      last_ = right;
      above_ += kStep;
    }
    return true;
  }

 private:
  std::vector<double> sums_;  // of all bins up to this one
  double below_ = 0;          // shares of the values given up at the two ends
  double above_ = 0;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
};

// Of the levels n = -128 to 127 at scale * (n - offset), for counts over `range`.
double levels_error(const std::vector<double>& counts, MinMax range, double scale, double offset) {
  constexpr double kRounds = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to nearest even
  const double low = static_cast<double>(range.min);
  const double width = (static_cast<double>(range.max) - low) / static_cast<double>(counts.size());
  const double start = low / scale + offset;
  const double step = width / scale;
  const auto integral = [&](std::size_t edge) {
    const double t = start + static_cast<double>(edge) * step;
    const double n = std::clamp(t, -128.0, 127.0) + kRounds - kRounds;
    const double d = t - n;
    return n / 12 + d * d * d / 3;
  };
  double sum = 0;
  double before = integral(0);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double after = integral(i + 1);
    sum += counts[i] * (after - before);
    before = after;
  }
  return sum * scale * scale * scale / width;
}

}  // namespace

double histogram_error(const std::vector<double>& counts, MinMax range, QuantParam param) {
  return levels_error(counts, range, static_cast<double>(param.scale),
                      static_cast<double>(param.offset));
}

MinMax best_range(const RunningHistogram& histogram, bool symmetric, DType scale_dtype) {
  constexpr double kWorthIt = 0.99;
  constexpr double kGiveUp = 2;
  constexpr double kNextTry = 0.995;  // of the bins tried last
  const MinMax whole = histogram.range();
  if (!(whole.min < whole.max)) return whole;
  const std::vector<double>& counts = histogram.counts();
  const double low = static_cast<double>(whole.min);
  const double width = (static_cast<double>(whole.max) - low) / static_cast<double>(counts.size());
  const auto param_of = [&](MinMax range) {
    return integer_param(range.min, range.max, symmetric, 8, scale_dtype);
  };
  MinMax best = whole;
  QuantParam tried = param_of(whole);
  double least = histogram_error(counts, whole, tried) * kWorthIt;
  double bins_tried = static_cast<double>(counts.size());
  Window window(counts);
  while (window.narrow()) {
    const auto bins = static_cast<double>(window.last() + 1 - window.first());
    if (bins > kNextTry * bins_tried) continue;
    bins_tried = bins;
    MinMax range = whole;
    if (window.first() > 0)
      range.min = static_cast<float>(low + static_cast<double>(window.first()) * width);
    if (window.last() + 1 < counts.size())
      range.max = static_cast<float>(low + static_cast<double>(window.last() + 1) * width);
    const QuantParam param = param_of(range);
    if (param.scale == tried.scale && param.offset == tried.offset) continue;
    tried = param;
    const double error = histogram_error(counts, whole, param);
    if (error > kGiveUp * least) break;
    if (error >= least) continue;
    least = error;
    best = range;
  }
  return best;
}

MinMax first_rise_range(const RunningHistogram& histogram) {
  constexpr double kLevels = 256;
  const MinMax whole = histogram.range();
  if (!(whole.min < whole.max)) return whole;
  const std::vector<double>& counts = histogram.counts();
  const double low = static_cast<double>(whole.min);
  const double width = (static_cast<double>(whole.max) - low) / static_cast<double>(counts.size());
  MinMax best = whole;
  double least = std::numeric_limits<double>::infinity();
  Window window(counts);
  std::size_t first = window.first();
  std::size_t last = window.last();
  while (window.narrow()) {
    if (window.first() == first && window.last() == last) continue;
    first = window.first();
    last = window.last();
    const double begin = low + static_cast<double>(first) * width;
    const double scale = static_cast<double>(last + 1 - first) * width / kLevels;
    const double middle = begin / scale + 0.5;  // of the lowest level, in levels
    const double error = levels_error(counts, whole, scale, -128 - middle);
    if (error > least) break;
    least = error;
    best.min = static_cast<float>(begin);
    best.max = static_cast<float>(low + static_cast<double>(last + 1) * width);
  }
  return best;
}

}  // namespace msmodelslim
