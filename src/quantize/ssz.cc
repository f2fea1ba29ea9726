#include "quantize/ssz.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>

#include "base/threads.h"
#include "kernels/rounding_sums.h"

namespace msmodelslim {
namespace {

struct RowFit {
  float best_scale = 1;
  float best_error = 0;
  float scale = 1;  // latest
  float error = 0;
  bool arrived = false;
};

// Rows that are computed side by side, and where each of them is.
class Rows {
 public:
  Rows(const WeightRows& source, std::int64_t first, std::int64_t count, std::int64_t lanes)
      : first_(first),
        k_(source.width()),
        values_(static_cast<std::size_t>(k_ * lanes)),
        fits_(static_cast<std::size_t>(count)),
        scales_(static_cast<std::size_t>(lanes), 1.0F),
        sums_(static_cast<std::size_t>(lanes)) {
    std::vector<float> buffer(static_cast<std::size_t>(k_));
    for (std::int64_t r = 0; r < count; ++r) {
      const float* row = source.row(first + r, buffer.data());
      float* to = values_.data() + r;
      for (std::int64_t i = 0; i < k_; ++i) to[i * lanes] = row[i];
    }
  }

  void start(const float* scales, float low, float high) {
    std::copy_n(scales, fits_.size(), scales_.begin());
    measure(low, high);
    for (std::size_t r = 0; r < fits_.size(); ++r) {
      const float error = error_of(r);
      fits_[r] = {scales_[r], error, scales_[r], error, false};
    }
  }

  // One more step of the rows that have not arrived; whether one of them improved.
  bool step(float low, float high) {
    bool moves = false;
    for (std::size_t r = 0; r < fits_.size(); ++r) {
      RowFit& fit = fits_[r];
      if (fit.arrived) continue;
      const auto scale = static_cast<float>(sums_[r].wq / std::max(sums_[r].qq, 1e-30));
      // 0: an all-zero row keeps its codes.
      fit.arrived = scale == fit.scale || scale == 0.0F;
      fit.scale = scale;
      if (fit.arrived) continue;
      scales_[r] = scale;
      moves = true;
    }
    if (!moves) return false;
    measure(low, high);
    bool improved = false;
    for (std::size_t r = 0; r < fits_.size(); ++r) {
      RowFit& fit = fits_[r];
      if (fit.arrived) continue;
      fit.error = error_of(r);
      const float gain = fit.best_error - fit.error;
      if (gain / std::max(fit.best_error, 1e-4F) >= 1e-10F && std::fabs(gain) >= 1e-10F)
        improved = true;
    }
    return improved;
  }

  void keep_best() {
    for (RowFit& fit : fits_)
      if (!fit.arrived && fit.error < fit.best_error) {
        fit.best_scale = fit.scale;
        fit.best_error = fit.error;
      }
  }

  std::int64_t first() const { return first_; }
  const std::vector<RowFit>& fits() const { return fits_; }

 private:
  void measure(float low, float high) {
    rounding_sums(values_.data(), k_, scales_.data(), low, high, sums_.data());
  }
  float error_of(std::size_t r) const {
    return static_cast<float>(sums_[r].error / static_cast<double>(k_));
  }

  std::int64_t first_;
  std::int64_t k_;
  std::vector<float> values_;  // [k][lanes]
  std::vector<RowFit> fits_;
  std::vector<float> scales_;  // [lanes]; rows that are not there keep 1
  std::vector<RoundingSums> sums_;
};

}  // namespace

void refine_ssz(const WeightConfig& config, const WeightRows& weight, QuantizedLinear& out) {
  const float high = config.bits == 8 ? 127.0F : 7.0F;
  const float low = -high - 1;
  const std::int64_t n = out.spec.out;
  const std::int64_t lanes = rounding_rows();
  const std::int64_t groups = (n + lanes - 1) / lanes;
  std::vector<std::optional<Rows>> rows(static_cast<std::size_t>(groups));
  parallel_for(groups, [&](std::int64_t g) {
    const std::int64_t first = g * lanes;
    Rows& group =
        rows[static_cast<std::size_t>(g)].emplace(weight, first, std::min(lanes, n - first), lanes);
    group.start(out.weight_scale.data() + first, low, high);
  });
  for (int step = 0; step < config.steps; ++step) {
    std::atomic<bool> improved{false};
    parallel_for(groups, [&](std::int64_t g) {
      if (rows[static_cast<std::size_t>(g)]->step(low, high)) improved = true;
    });
    if (!improved) break;
    for (std::optional<Rows>& group : rows) group->keep_best();
  }
  auto* codes = out.codes.as<std::int8_t>();
  parallel_for(groups, [&](std::int64_t g) {
    const Rows& group = *rows[static_cast<std::size_t>(g)];
    std::vector<float> buffer(static_cast<std::size_t>(weight.width()));
    std::int64_t r = group.first();
    for (const RowFit& fit : group.fits()) {
      const float scale = round_to_dtype(fit.best_scale, config.scale_dtype);
      out.weight_scale[static_cast<std::size_t>(r)] = scale;
      const float* row = weight.row(r, buffer.data());
      encode(row, {scale, 0}, config.bits, codes + r * out.spec.in, out.spec.in);
      ++r;
    }
  });
}

}  // namespace msmodelslim
