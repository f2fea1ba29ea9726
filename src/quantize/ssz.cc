#include "quantize/ssz.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>

#include "base/threads.h"
#include "kernels/ops.h"
#include "kernels/rounding_sums.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRows = 16;

// One row on its way.
class Descent {
 public:
  // `row` [k] with the scale of minmax.
  Descent(const WeightConfig& config, const float* row, std::int64_t k, float scale)
      : scale_(scale), best_(scale), settled_(scale) {
    best_error_ = error_with(config, row, k);
  }

  // At least through step `until`, and on while it improves. Tells which steps improved it.
  void go_on(const WeightConfig& config, const float* row, std::int64_t k, int until,
             std::vector<std::atomic<bool>>& improves) {
    while (!arrived_ && steps_ < config.steps && (steps_ <= until || improved_)) {
      const auto next = static_cast<float>(wq_ / std::max(qq_, 1e-30));
      // 0: an all-zero row keeps its codes.
      arrived_ = next == scale_ || next == 0.0F;
      if (arrived_) return;
      scale_ = next;
      const float error = error_with(config, row, k);
      const float gain = best_error_ - error;
      improved_ = gain / std::max(best_error_, 1e-4F) >= 1e-10F && std::fabs(gain) >= 1e-10F;
      if (improved_)
        improves[static_cast<std::size_t>(steps_)].store(true, std::memory_order_relaxed);
      settled_ = best_;
      if (error < best_error_) {
        best_ = scale_;
        best_error_ = error;
      }
      ++steps_;
    }
  }

  // The last step of all rows is `last`, as far as one knows.
  bool is_behind(const WeightConfig& config, int last) const {
    return !arrived_ && steps_ <= std::min(last, config.steps - 1);
  }
  // Then; the last step itself is not used.
  float scale(int last) const {
    return steps_ > last && !improved_ && !arrived_ ? settled_ : best_;
  }

 private:
  float error_with(const WeightConfig& config, const float* row, std::int64_t k) {
    const float high = config.bits == 8 ? 127.0F : 7.0F;
    const RoundingSums sums = rounding_sums(row, k, scale_, -high - 1, high);
    wq_ = sums.wq;
    qq_ = sums.qq;
    return static_cast<float>(sums.error / static_cast<double>(k));
  }

  float scale_;  // latest
  float best_;
  float best_error_;
  float settled_;  // the best before the latest step
  double wq_ = 0;
  double qq_ = 0;
  int steps_ = 0;
  bool improved_ = false;
  bool arrived_ = false;
};

}  // namespace

bool quantize_ssz(const WeightConfig& config, const WeightRows& weight, QuantizedLinear& out) {
  const std::int64_t n = out.spec.out;
  const std::int64_t k = out.spec.in;
  std::vector<std::optional<Descent>> rows(static_cast<std::size_t>(n));
  std::vector<std::atomic<bool>> improves(static_cast<std::size_t>(config.steps));
  std::vector<float> encoded(static_cast<std::size_t>(n));  // the scale of the codes
  std::atomic<bool> finite{true};
  auto* codes = out.codes.as<std::int8_t>();
  int last = 0;
  const auto start = [&](const float* row, std::optional<Descent>& descent) {
    const MinMax range = min_max(row, k);
    const bool good = std::isfinite(range.min) && std::isfinite(range.max);
    if (good)
      descent.emplace(
          config, row, k,
          integer_param(range.min, range.max, true, config.bits, config.scale_dtype).scale);
    else
      finite = false;
    return good;
  };
  const auto pass = [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> buffer(static_cast<std::size_t>(k));
    for (std::int64_t r = begin; r < end; ++r) {
      const auto i = static_cast<std::size_t>(r);
      std::optional<Descent>& descent = rows[i];
      const bool goes_on = !descent || descent->is_behind(config, last);
      if (!goes_on && descent->scale(last) == encoded[i]) continue;
      const float* row = weight.row(r, buffer.data());
      if (!descent && !start(row, descent)) continue;
      if (goes_on) descent->go_on(config, row, k, last, improves);
      encoded[i] = descent->scale(last);
      const float scale = round_to_dtype(encoded[i], config.scale_dtype);
      out.weight_scale[i] = scale;
      encode(row, {scale, 0}, config.bits, codes + r * k, k);
    }
  };
  for (int before = -1; before != last && finite;) {
    before = last;
    parallel_ranges(n, kRows, pass);
    last = static_cast<int>(std::find(improves.begin(), improves.end(), false) - improves.begin());
  }
  return finite;
}

}  // namespace msmodelslim
