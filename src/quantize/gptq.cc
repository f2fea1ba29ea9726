#include "quantize/gptq.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "base/threads.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"
#include "quantize/gptq_refine.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRowTile = 128;
constexpr std::int64_t kColumnTile = 1024;

class Gptq {
 public:
  // hessian null: no factor, each value is rounded by itself.
  Gptq(const WeightConfig& config, const Hessian* hessian, QuantizedLinear& out)
      : config_(config),
        hessian_(hessian),
        n_(out.spec.out),
        k_(out.spec.in),
        group_(config.group_size > 0 ? config.group_size : k_),
        low_(config.bits == 8 ? -128.0F : -8.0F),
        high_(-low_ - 1),
        out_(out),
        work_(static_cast<std::size_t>(n_ * k_)),
        params_(static_cast<std::size_t>(n_ * (k_ / group_))),
        importance_(static_cast<std::size_t>(k_), 1.0F) {
    out_.codes = Tensor::uninitialized(DType::kI8, {n_, k_});
    if (hessian == nullptr) return;
    // What a rounding error of a column costs once the later columns have made it good.
    for (std::int64_t j = 0; j < k_; ++j) {
      const float u = hessian->upper()[static_cast<std::size_t>(j * (k_ + 1))];
      importance_[static_cast<std::size_t>(source_column(j))] = 1 / (u * u);
    }
  }

  void round_plainly() {
    parallel_for(n_, [&](std::int64_t r) {
      for (std::int64_t j = 0; j < k_; ++j) {
        if (late_scales() && j % group_ == 0) set_param(r, j, row(r) + j);
        encode(r, j, row(r)[j]);
      }
    });
  }

  void run() {
    clear_dead(hessian_->dead());
    if (config_.refine_sweeps > 0) keep_target();
    const float* u = hessian_->upper().data();
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

  // Copies the weight, columns in the order of work, and takes the scales that the original values
  // decide.
  void read(const WeightRows& weight) {
    std::atomic<bool> bad{false};
    parallel_for(n_, [&](std::int64_t r) {
      thread_local std::vector<float> buffer;
      buffer.resize(static_cast<std::size_t>(k_));
      const float* source = weight.row(r, buffer.data());
      for (std::int64_t j = 0; j < k_; ++j) row(r)[j] = source[source_column(j)];
      const MinMax range = min_max(source, k_);
      if (!std::isfinite(range.min) || !std::isfinite(range.max)) bad = true;
      if (!late_scales())
        for (std::int64_t j = 0; j < k_; j += group_) set_param(r, j, source + j);
    });
    if (bad)
      throw DataError(fmt::format("tensor {}.weight holds NaN or infinite values", out_.spec.name),
                      "the checkpoint is damaged; download the shard again");
  }

  // After run().
  void refine() {
    RefineJob job;
    job.rows = n_;
    job.width = k_;
    job.group = group_;
    job.target = target_.data();
    job.hessian = hessian_->damped().data();
    job.low = low_;
    job.high = high_;
    job.scale_dtype = config_.scale_dtype;
    job.sweeps = config_.refine_sweeps;
    job.codes = out_.codes.as<std::int8_t>();
    job.params = params_.data();
    refine_codes(job);
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
  // Scales of groups come from corrected columns, unless the columns of a group are apart.
  bool late_scales() const { return config_.group_size > 0 && !config_.act_order; }
  std::int64_t source_column(std::int64_t j) const {
    return hessian_ == nullptr ? j : hessian_->order()[static_cast<std::size_t>(j)];
  }
  float* row(std::int64_t r) { return work_.data() + r * k_; }
  QuantParam& param(std::int64_t r, std::int64_t source) {
    return params_[static_cast<std::size_t>(r * (k_ / group_) + source / group_)];
  }

  float rounded(float value, const QuantParam& p) const {
    return std::clamp(std::nearbyint(value / p.scale + p.offset), low_, high_);
  }

  // `values`: columns [source, source + group) of row r.
  void set_param(std::int64_t r, std::int64_t source, const float* values) {
    const MinMax range = min_max(values, group_);
    const auto param_of = [&](float shrink) {
      return integer_param(range.min * shrink, range.max * shrink, config_.symmetric, config_.bits,
                           config_.scale_dtype);
    };
    param(r, source) = param_of(1);
    if (!config_.scale_search) return;
    constexpr int kSteps = 32;
    constexpr float kLeast = 0.4F;
    double least = weighted_error(values, source, param_of(1));
    for (int i = 1; i <= kSteps; ++i) {
      const QuantParam candidate =
          param_of(1 - (1 - kLeast) * static_cast<float>(i) / static_cast<float>(kSteps));
      const double error = weighted_error(values, source, candidate);
      if (error >= least) continue;
      least = error;
      param(r, source) = candidate;
    }
  }

  double weighted_error(const float* values, std::int64_t source, const QuantParam& p) const {
    double sum = 0;
    for (std::int64_t j = 0; j < group_; ++j) {
      const float error = values[j] - (rounded(values[j], p) - p.offset) * p.scale;
      sum += static_cast<double>(error * error * importance_[static_cast<std::size_t>(source + j)]);
    }
    return sum;
  }

  // Stores the code of `value` at place j, returns what it stands for.
  float encode(std::int64_t r, std::int64_t j, float value) {
    const std::int64_t source = source_column(j);
    const QuantParam& p = param(r, source);
    const float code = rounded(value, p);
    out_.codes.as<std::int8_t>()[r * k_ + source] = static_cast<std::int8_t>(code);
    return (code - p.offset) * p.scale;
  }

  void keep_target() {
    target_.resize(work_.size());
    parallel_for(n_, [&](std::int64_t r) {
      for (std::int64_t j = 0; j < k_; ++j)
        target_[static_cast<std::size_t>(r * k_ + source_column(j))] = row(r)[j];
    });
  }

  void clear_dead(const std::vector<bool>& dead) {
    for (std::int64_t j = 0; j < k_; ++j)
      if (dead[static_cast<std::size_t>(source_column(j))])
        for (std::int64_t r = 0; r < n_; ++r) row(r)[j] = 0;
  }

  void quantize_block(std::int64_t r, std::int64_t begin, std::int64_t columns, const float* u,
                      float* minus_errors) {
    thread_local std::vector<float> values;
    values.assign(row(r) + begin, row(r) + begin + columns);
    for (std::int64_t c = 0; c < columns; ++c) {
      const std::int64_t column = begin + c;
      if (late_scales() && column % group_ == 0) set_param(r, column, row(r) + column);
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
  const Hessian* hessian_;
  std::int64_t n_;
  std::int64_t k_;
  std::int64_t group_;
  float low_;
  float high_;
  QuantizedLinear& out_;
  std::vector<float> work_;    // [n, k]; columns to come, corrected by the finished ones
  std::vector<float> target_;  // [n, k], the weight, for refine()
  std::vector<QuantParam> params_;
  std::vector<float> importance_;  // [k], of the linear's columns
};

}  // namespace

void quantize_gptq(const WeightConfig& config, const WeightRows& weight, Hessian& hessian,
                   QuantizedLinear& out) {
  if (hessian.rows() == 0)
    throw DataError(fmt::format("{}: no calibration token reached it", out.spec.name),
                    "use a larger calibration set, or another weight method than gptq");
  out.group_size = config.group_size;
  const bool usable = hessian.factor(config.percdamp, config.act_order, config.refine_sweeps > 0);
  Gptq gptq(config, usable ? &hessian : nullptr, out);
  gptq.read(weight);
  if (usable) {
    if (hessian.damping() > config.percdamp)
      log_warning("quantize", "{}: gptq needed a percdamp of {:g} instead of {:g}", out.spec.name,
                  hessian.damping(), config.percdamp);
    gptq.run();
    if (config.refine_sweeps > 0) gptq.refine();
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
