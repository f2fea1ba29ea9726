#include "quantize/gptq_refine.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/threads.h"
#include "kernels/gemm.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRowTile = 32;

class RowRefiner {
 public:
  // hw = H w; g = H (w - DQ(q)), kept up to date. Both [width].
  RowRefiner(const RefineJob& job, std::int64_t row, const float* hw, float* g)
      : job_(job),
        hw_(hw),
        g_(g),
        codes_(job.codes + row * job.width),
        params_(job.params + row * (job.width / job.group)) {}

  void run() {
    for (int i = 0; i < job_.sweeps; ++i) {
      const bool fitted = job_.group == job_.width && fit_scale();
      if (!sweep() && !fitted) return;
    }
  }

 private:
  bool fit_scale() {
    QuantParam& p = params_[0];
    double linear = 0;  // c H w
    double square = 0;  // c H c
    for (std::int64_t j = 0; j < job_.width; ++j) {
      const double c = static_cast<double>(codes_[j]) - static_cast<double>(p.offset);
      linear += c * static_cast<double>(hw_[j]);
      square += c * static_cast<double>(hw_[j] - g_[j]) / static_cast<double>(p.scale);
    }
    if (!(square > 0) || !(linear > 0)) return false;
    const float scale = round_to_dtype(static_cast<float>(linear / square), job_.scale_dtype);
    const auto error = [&](float s) {
      return static_cast<double>(s) * (static_cast<double>(s) * square - 2 * linear);
    };
    if (!(scale > 0) || error(scale) >= error(p.scale)) return false;
    const float ratio = scale / p.scale;
    for (std::int64_t j = 0; j < job_.width; ++j) g_[j] = hw_[j] - (hw_[j] - g_[j]) * ratio;
    p.scale = scale;
    return true;
  }

  bool sweep() {
    bool changed = false;
    for (std::int64_t j = 0; j < job_.width; ++j) {
      const float scale = params_[j / job_.group].scale;
      const float* h = job_.hessian + j * job_.width;
      const auto code = static_cast<float>(codes_[j]);
      const float best =
          std::clamp(std::nearbyint(code + g_[j] / (scale * h[j])), job_.low, job_.high);
      if (best == code) continue;
      codes_[j] = static_cast<std::int8_t>(best);
      const float step = (best - code) * scale;
      for (std::int64_t t = 0; t < job_.width; ++t) g_[t] -= step * h[t];
      changed = true;
    }
    return changed;
  }

  const RefineJob& job_;
  const float* hw_;
  float* g_;
  std::int8_t* codes_;
  QuantParam* params_;
};

void refine_rows(const RefineJob& job, std::int64_t first, std::int64_t rows) {
  const std::int64_t k = job.width;
  const auto count = static_cast<std::size_t>(rows * k);
  const float* target = job.target + first * k;
  std::vector<float> errors(count);
  std::vector<float> hw(count);
  std::vector<float> g(count);
  for (std::int64_t i = 0; i < rows * k; ++i) {
    const QuantParam& p = job.params[(first * k + i) / job.group];
    errors[static_cast<std::size_t>(i)] =
        target[i] - (static_cast<float>(job.codes[first * k + i]) - p.offset) * p.scale;
  }
  matmul_nn_tile(target, k, job.hessian, k, hw.data(), k, rows, k, k);
  matmul_nn_tile(errors.data(), k, job.hessian, k, g.data(), k, rows, k, k);
  for (std::int64_t r = 0; r < rows; ++r)
    RowRefiner(job, first + r, hw.data() + r * k, g.data() + r * k).run();
}

}  // namespace

void refine_codes(const RefineJob& job) {
  parallel_for((job.rows + kRowTile - 1) / kRowTile, [&](std::int64_t tile) {
    const std::int64_t first = tile * kRowTile;
    refine_rows(job, first, std::min(kRowTile, job.rows - first));
  });
}

}  // namespace msmodelslim
