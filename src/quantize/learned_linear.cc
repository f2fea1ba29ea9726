#include "quantize/learned_linear.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRows = 16;
constexpr float kLeastScale = 1e-5F;

RoundRange range_of(const LearnedRounding& rounding) {
  const float half = rounding.bits == 8 ? 128.0F : 8.0F;
  const float bound = !rounding.symmetric  ? std::numeric_limits<float>::infinity()
                      : rounding.bits == 8 ? 1.0F
                                           : 0.5F;
  return {bound, -half, half - 1};
}

float moved(float parameter, float gradient, float rate) {
  if (gradient == 0.0F) return parameter;
  return std::clamp(parameter - std::copysign(rate, gradient), 0.0F, 1.0F);
}

}  // namespace

LearnedLinear::LearnedLinear(const LearnedRounding& rounding, Linear& linear, DType compute)
    : rounding_(rounding),
      out_(linear.spec().out),
      in_(linear.spec().in),
      groups_(rounding.group_size > 0 ? in_ / rounding.group_size : 1),
      width_(in_ / groups_),
      rows_(linear),
      compute_(compute),
      range_(range_of(rounding)),
      parameters_(static_cast<std::size_t>(out_ * groups_)),
      v_(rounding.tune_round ? static_cast<std::size_t>(out_ * in_) : 0),
      weight_(out_, in_, compute),
      kept_codes_(Tensor::uninitialized(DType::kI8, {out_, in_})),
      kept_scales_(parameters_.size()) {
  read_ranges(linear.name());
  refresh();
  keep();
}

void LearnedLinear::read_ranges(const std::string& name) {
  std::atomic<bool> bad{false};
  parallel_ranges(out_, kRows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> buffer(static_cast<std::size_t>(in_));
    for (std::int64_t i = begin; i < end; ++i) {
      const float* row = rows_.row(i, buffer.data());
      for (std::int64_t g = 0; g < groups_; ++g) {
        const MinMax range = min_max(row + g * width_, width_);
        if (!std::isfinite(range.min) || !std::isfinite(range.max)) bad = true;
        Group& group = parameters_[static_cast<std::size_t>(i * groups_ + g)];
        group.low = std::min(range.min, 0.0F);
        group.high = std::max(range.max, 0.0F);
      }
    }
  });
  if (bad)
    throw DataError(fmt::format("tensor {}.weight holds NaN or infinite values", name),
                    "the checkpoint is damaged; download the shard again");
}

LearnedLinear::Scale LearnedLinear::scale_of(const Group& group) const {
  const auto rounded = [this](float value) {
    return round_to_dtype(round_to_dtype(value, rounding_.scale_dtype), rounding_.engine_dtype);
  };
  const float high = group.max_scale * group.high;
  const float low = -(group.low * group.min_scale);
  Scale scale;
  scale.high_share = high > low ? 1.0F : high == low ? 0.5F : 0.0F;
  const bool one_sided = rounding_.symmetric && !rounding_.full_range;
  scale.sign = one_sided || high < low ? 1.0F : -1.0F;
  const float magnitude = rounded(std::max(high, low) / longest_code());
  const float least = rounded(kLeastScale);
  scale.fixed = magnitude < least;
  // A scale of 0 has no sign.
  if (magnitude == 0.0F) scale.sign = 1.0F;
  scale.value = scale.sign * std::max(magnitude, least);
  return scale;
}

void LearnedLinear::refresh() {
  weight_.fill([this](std::int64_t i, float* to) {
    const float* row = rows_.row(i, to);
    for (std::int64_t g = 0; g < groups_; ++g) {
      const float* v = v_.empty() ? nullptr : v_.data() + i * in_ + g * width_;
      const Scale scale = scale_of(parameters_[static_cast<std::size_t>(i * groups_ + g)]);
      learned_round(row + g * width_, v, scale.value, range_, to + g * width_, width_);
    }
  });
}

void LearnedLinear::add_gradient(const float* x, const float* dy, std::int64_t rows) {
  gradient_.resize(static_cast<std::size_t>(out_ * in_));
  weight_gradient(compute_, dy, x, rows, out_, in_, has_gradient_, gradient_.data());
  has_gradient_ = true;
}

void LearnedLinear::step(double decay) {
  const auto rate = static_cast<float>(rounding_.rate);
  parallel_ranges(out_, kRows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> buffer(static_cast<std::size_t>(in_));
    for (std::int64_t i = begin; i < end; ++i) {
      const float* row = rows_.row(i, buffer.data());
      for (std::int64_t g = 0; g < groups_; ++g) {
        const std::int64_t at = i * in_ + g * width_;
        Group& group = parameters_[static_cast<std::size_t>(i * groups_ + g)];
        const Scale scale = scale_of(group);
        const float slope =
            learned_round_step(row + g * width_, v_.empty() ? nullptr : v_.data() + at,
                               gradient_.data() + at, scale.value, range_, rate, width_);
        if (rounding_.tune_minmax && !scale.fixed) step_group(group, scale, slope, rate);
      }
    }
  });
  rounding_.rate *= decay;
  has_gradient_ = false;
  refresh();
}

void LearnedLinear::step_group(Group& group, const Scale& scale, float slope, float rate) const {
  const float longest = slope * scale.sign / longest_code();  // gradient of max(a, b)
  group.max_scale = moved(group.max_scale, longest * scale.high_share * group.high, rate);
  group.min_scale = moved(group.min_scale, longest * (1.0F - scale.high_share) * -group.low, rate);
}

void LearnedLinear::keep() {
  auto* codes = kept_codes_.as<std::int8_t>();
  parallel_ranges(out_, kRows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> buffer(static_cast<std::size_t>(in_));
    for (std::int64_t i = begin; i < end; ++i) {
      const float* row = rows_.row(i, buffer.data());
      for (std::int64_t g = 0; g < groups_; ++g) {
        const std::int64_t at = i * in_ + g * width_;
        const auto p = static_cast<std::size_t>(i * groups_ + g);
        kept_scales_[p] = scale_of(parameters_[p]).value;
        learned_codes(row + g * width_, v_.empty() ? nullptr : v_.data() + at, kept_scales_[p],
                      range_, codes + at, width_);
      }
    }
  });
}

void LearnedLinear::use_kept() {
  const auto* codes = kept_codes_.as<std::int8_t>();
  weight_.fill([&](std::int64_t i, float* to) {
    for (std::int64_t j = 0; j < in_; ++j)
      to[j] = kept_scales_[static_cast<std::size_t>(i * groups_ + j / width_)] *
              static_cast<float>(codes[i * in_ + j]);
  });
}

void LearnedLinear::use_start() {
  std::fill(v_.begin(), v_.end(), 0.0F);
  for (Group& group : parameters_) group.min_scale = group.max_scale = 1;
  refresh();
}

void LearnedLinear::finish(QuantizedLinear& out) && {
  out.codes = std::move(kept_codes_);
  out.weight_scale = std::move(kept_scales_);
  out.group_size = rounding_.group_size;
}

}  // namespace msmodelslim
