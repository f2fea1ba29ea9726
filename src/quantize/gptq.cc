#include "quantize/gptq.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "base/threads.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRowTile = 128;
constexpr std::int64_t kColumnTile = 1024;

class Gptq {
 public:
  Gptq(const WeightConfig& config, const WeightRows& weight, QuantizedLinear& out)
      : config_(config),
        n_(out.spec.out),
        k_(out.spec.in),
        group_(config.group_size > 0 ? config.group_size : k_),
        low_(config.bits == 8 ? -128.0F : -8.0F),
        high_(-low_ - 1),
        out_(out),
        work_(static_cast<std::size_t>(n_ * k_)),
        params_(static_cast<std::size_t>(n_ * (k_ / group_))) {
    out_.codes = Tensor::uninitialized(DType::kI8, {n_, k_});
    read(weight);
  }

  // Without a factor: each value by itself.
  void round_plainly() {
    parallel_for(n_, [&](std::int64_t r) {
      for (std::int64_t j = 0; j < k_; ++j) {
        if (j % group_ == 0 && per_group()) set_param(r, j);
        encode(r, j, row(r)[j]);
      }
    });
  }

  void run(const Hessian& hessian) {
    clear_dead(hessian.dead());
    const float* u = hessian.upper().data();
    const std::int64_t width = std::min(config_.block_size, k_);
    std::vector<float> minus_errors(static_cast<std::size_t>(n_ * width));
    for (std::int64_t begin = 0; begin < k_; begin += width) {
      const std::int64_t columns = std::min(width, k_ - begin);
      parallel_for(n_, [&](std::int64_t r) {
        quantize_block(r, begin, columns, u, minus_errors.data() + r * width);
      });
      correct_later(begin + columns, columns, u + begin * k_ + begin + columns, minus_errors.data(),
                    width);
    }
  }

  void finish() {
    out_.weight_scale.resize(params_.size());
    if (!config_.symmetric) out_.weight_offset.resize(params_.size());
    for (std::size_t i = 0; i < params_.size(); ++i) {
      out_.weight_scale[i] = params_[i].scale;
      if (!config_.symmetric) out_.weight_offset[i] = params_[i].offset;
    }
  }

 private:
  bool per_group() const { return config_.group_size > 0; }
  float* row(std::int64_t r) { return work_.data() + r * k_; }
  QuantParam& param(std::int64_t r, std::int64_t column) {
    return params_[static_cast<std::size_t>(r * (k_ / group_) + column / group_)];
  }

  void read(const WeightRows& weight) {
    std::atomic<bool> bad{false};
    parallel_for(n_, [&](std::int64_t r) {
      const float* source = weight.row(r, row(r));
      if (source != row(r)) std::copy_n(source, k_, row(r));
      const MinMax range = min_max(row(r), k_);
      if (!std::isfinite(range.min) || !std::isfinite(range.max)) bad = true;
      if (!per_group()) set_param(r, 0);
    });
    if (bad)
      throw DataError(fmt::format("tensor {}.weight holds NaN or infinite values", out_.spec.name),
                      "the checkpoint is damaged; download the shard again");
  }

  void set_param(std::int64_t r, std::int64_t column) {
    const MinMax range = min_max(row(r) + column, group_);
    param(r, column) =
        integer_param(range.min, range.max, config_.symmetric, config_.bits, config_.scale_dtype);
  }

  // Stores the code of `value`, returns what it stands for.
  float encode(std::int64_t r, std::int64_t column, float value) {
    const QuantParam p = param(r, column);
    const float code = std::clamp(std::nearbyint(value / p.scale + p.offset), low_, high_);
    out_.codes.as<std::int8_t>()[r * k_ + column] = static_cast<std::int8_t>(code);
    return (code - p.offset) * p.scale;
  }

  void clear_dead(const std::vector<bool>& dead) {
    for (std::int64_t j = 0; j < k_; ++j)
      if (dead[static_cast<std::size_t>(j)])
        for (std::int64_t r = 0; r < n_; ++r) row(r)[j] = 0;
  }

  void quantize_block(std::int64_t r, std::int64_t begin, std::int64_t columns, const float* u,
                      float* minus_errors) {
    thread_local std::vector<float> values;
    values.assign(row(r) + begin, row(r) + begin + columns);
    for (std::int64_t c = 0; c < columns; ++c) {
      const std::int64_t column = begin + c;
      if (per_group() && column % group_ == 0) set_param(r, column);
      const float value = values[static_cast<std::size_t>(c)];
      const float* factors = u + column * k_ + begin;
      const float error = (value - encode(r, column, value)) / factors[c];
      for (std::int64_t t = c + 1; t < columns; ++t)
        values[static_cast<std::size_t>(t)] -= error * factors[t];
      minus_errors[c] = -error;
    }
  }

  // W[:, begin:] += minus_errors U[block, begin:]
  void correct_later(std::int64_t begin, std::int64_t columns, const float* u,
                     const float* minus_errors, std::int64_t width) {
    const std::int64_t rest = k_ - begin;
    const std::int64_t row_tiles = (n_ + kRowTile - 1) / kRowTile;
    const std::int64_t column_tiles = (rest + kColumnTile - 1) / kColumnTile;
    parallel_for(row_tiles * column_tiles, [&](std::int64_t tile) {
      const std::int64_t r = tile % row_tiles * kRowTile;
      const std::int64_t c = tile / row_tiles * kColumnTile;
      matmul_nn_tile(minus_errors + r * width, width, u + c, k_, row(r) + begin + c, k_,
                     std::min(kRowTile, n_ - r), std::min(kColumnTile, rest - c), columns, 1.0F);
    });
  }

  const WeightConfig& config_;
  std::int64_t n_;
  std::int64_t k_;
  std::int64_t group_;
  float low_;
  float high_;
  QuantizedLinear& out_;
  std::vector<float> work_;  // [n, k]; columns to come, corrected by the finished ones
  std::vector<QuantParam> params_;
};

}  // namespace

void quantize_gptq(const WeightConfig& config, const WeightRows& weight, Hessian& hessian,
                   QuantizedLinear& out) {
  if (hessian.rows() == 0)
    throw DataError(fmt::format("{}: no calibration token reached it", out.spec.name),
                    "use a larger calibration set, or another weight method than gptq");
  out.group_size = config.group_size;
  Gptq gptq(config, weight, out);
  if (hessian.factor(config.percdamp)) {
    if (hessian.damping() > config.percdamp)
      log_warning("quantize", "{}: gptq needed a percdamp of {:g} instead of {:g}", out.spec.name,
                  hessian.damping(), config.percdamp);
    gptq.run(hessian);
  } else {
    log_warning("quantize",
                "{}: gptq cannot factor its Hessian (inputs that are constant or not finite); the "
                "weight is rounded without it",
                out.spec.name);
    gptq.round_plainly();
  }
  gptq.finish();
}

}  // namespace msmodelslim
