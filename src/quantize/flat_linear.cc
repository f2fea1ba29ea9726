#include "quantize/flat_linear.h"

#include <algorithm>

#include "base/threads.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRowGrain = 16;
constexpr float kLeastLargest = 1e-5F;  // of a row, for its scale

std::vector<double> clip_factors(bool has, std::int64_t out) {
  return std::vector<double>(has ? static_cast<std::size_t>(out) : 0, kClipFactor);
}

double slope_of(double factor) { return sigmoid(factor) * (1 - sigmoid(factor)); }

}  // namespace

FlatLinear::FlatLinear(Linear& linear, FlatPairLearner* input, FlatPairLearner* output,
                       DType compute)
    : linear_(linear),
      input_(input),
      output_(output),
      out_(linear.spec().out),
      in_(linear.spec().in),
      compute_(compute),
      low_(clip_factors(input != nullptr, out_)),
      high_(clip_factors(input != nullptr, out_)),
      bias_(linear.bias()),
      weight_(out_, in_, compute) {
  refresh();
  keep();
}

ClipRatios FlatLinear::ratios(std::int64_t row) const {
  const auto at = static_cast<std::size_t>(row);
  return {static_cast<float>(sigmoid(low_.values[at])),
          static_cast<float>(sigmoid(high_.values[at]))};
}

// What `output` reads: W' with clipped rows, or the weight as it is.
void FlatLinear::clip_rows(float* out) const {
  if (input_ == nullptr) {
    std::copy_n(linear_.weight(), out_ * in_, out);
    return;
  }
  parallel_ranges(out_, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      clip_row(transformed_.data() + i * in_, ratios(i), out + i * in_, in_);
  });
}

void FlatLinear::refresh() {
  const auto count = static_cast<std::size_t>(out_ * in_);
  if (input_ != nullptr) {
    std::vector<float> divided(count);
    transformed_.resize(count);
    input_->divide_weight(linear_.weight(), out_, divided.data());
    input_->transform_weight(divided.data(), out_, transformed_.data());
  }
  if (output_ != nullptr) {
    std::vector<float> clipped(count);
    turned_.resize(count);
    clip_rows(clipped.data());
    output_->turn_values(clipped.data(), out_, in_, turned_.data());
    if (!bias_.empty()) output_->turn_values(linear_.bias().data(), out_, 1, bias_.data());
  }
  weight_.fill([this](std::int64_t i, float* to) {
    if (output_ == nullptr)
      clip_row(transformed_.data() + i * in_, ratios(i), to, in_);
    else
      std::copy_n(turned_.data() + i * in_, in_, to);
    if (input_ != nullptr) fake_int4_row(to, 1.0F, kLeastLargest, to, in_);
  });
}

void FlatLinear::add_gradient(const float* x, const float* dy, std::int64_t rows) {
  gradient_.resize(static_cast<std::size_t>(out_ * in_));
  weight_gradient(compute_, dy, x, rows, out_, in_, has_gradient_, gradient_.data());
  has_gradient_ = true;
  if (output_ == nullptr || bias_.empty()) return;
  bias_gradient_.resize(bias_.size());
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < out_; ++i)
      bias_gradient_[static_cast<std::size_t>(i)] += dy[r * out_ + i];
}

void FlatLinear::backward() {
  if (!has_gradient_) return;
  float* d = gradient_.data();
  std::vector<float> before(gradient_.size());  // clipped; then W / c
  clip_rows(before.data());
  if (input_ != nullptr)
    parallel_ranges(out_, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const float* row = output_ == nullptr ? before.data() : turned_.data();
        fake_int4_row_grad(row + i * in_, 1.0F, kLeastLargest, d + i * in_, d + i * in_, in_);
      }
    });
  if (output_ != nullptr) {
    output_->turn_values_backward(before.data(), out_, in_, d);
    if (!bias_gradient_.empty())
      output_->turn_values_backward(linear_.bias().data(), out_, 1, bias_gradient_.data());
    std::fill(bias_gradient_.begin(), bias_gradient_.end(), 0.0F);
  }
  has_gradient_ = false;
  if (input_ == nullptr) return;
  parallel_ranges(out_, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      float* row = d + i * in_;
      const ClipRatios slopes =
          clip_row_grad(transformed_.data() + i * in_, ratios(i), row, row, in_);
      const auto at = static_cast<std::size_t>(i);
      low_.gradient[at] += static_cast<double>(slopes.low) * slope_of(low_.values[at]);
      high_.gradient[at] += static_cast<double>(slopes.high) * slope_of(high_.values[at]);
    }
  });
  input_->divide_weight(linear_.weight(), out_, before.data());
  input_->weight_backward(linear_.weight(), before.data(), out_, d);
}

void FlatLinear::step(double clip_rate, int t, double share) {
  low_.step(clip_rate, t, share);
  high_.step(clip_rate, t, share);
  refresh();
}

void FlatLinear::keep() {
  kept_low_ = low_.values;
  kept_high_ = high_.values;
}

void FlatLinear::use_kept() {
  low_.values = kept_low_;
  high_.values = kept_high_;
  refresh();
}

std::vector<ClipRatios> FlatLinear::clips() const {
  std::vector<ClipRatios> all(low_.values.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = ratios(static_cast<std::int64_t>(i));
  return all;
}

}  // namespace msmodelslim
