#include "quantize/flat_pair_learner.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "forward/scratch.h"
#include "kernels/gemm.h"
#include "kernels/grad/kronecker.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kColumnGrain = 64;

std::vector<float> narrow(const SmallMatrix& matrix) { return {matrix.begin(), matrix.end()}; }

const float* data_or_null(const std::vector<float>& values) {
  return values.empty() ? nullptr : values.data();
}

double* data_or_null(SmallMatrix& matrix, const std::vector<float>& wanted) {
  return wanted.empty() ? nullptr : matrix.data();
}

}  // namespace

double sigmoid(double factor) { return 1 / (1 + std::exp(-factor)); }

FlatPairLearner::FlatPairLearner(FlatPair pair, std::mt19937& generator)
    : pair_(std::move(pair)),
      left_(pair_.sides.m, generator),
      right_(pair_.sides.n, generator),
      clip_({kClipFactor}),
      dleft_(left_.matrix().size()),
      dright_(right_.matrix().size()),
      dleft_n_(dleft_.size()),
      dright_n_(dright_.size()) {
  const auto width = static_cast<std::size_t>(pair_.sides.m * pair_.sides.n);
  if (pair_.scales()) c_ = LearnedValues(std::vector<double>(width, 1.0));
  online_.m = weights_.m = pair_.sides.m;
  online_.n = weights_.n = pair_.sides.n;
  refresh();
  keep();
}

std::vector<LearnedValues*> FlatPairLearner::parameters() {
  std::vector<LearnedValues*> all = left_.parameters();
  for (LearnedValues* values : right_.parameters()) all.push_back(values);
  all.push_back(&c_);
  all.push_back(&clip_);
  return all;
}

void FlatPairLearner::refresh() {
  left_.refresh();
  right_.refresh();
  right_values_ = narrow(right_.matrix());
  online_.left = narrow(left_.matrix());
  if (pair_.scales()) online_.right = right_values_;
  weights_.left = narrow(left_.inverse_transposed());
  weights_.right = narrow(right_.inverse_transposed());
}

float FlatPairLearner::ratio() const { return static_cast<float>(sigmoid(clip_.values[0])); }

// out = x c or x / c; x as it is without c.
void FlatPairLearner::scale(const float* x, std::int64_t rows, bool inverted, float* out) const {
  const std::int64_t width = pair_.sides.m * pair_.sides.n;
  if (c_.values.empty()) {
    std::copy_n(x, rows * width, out);
    return;
  }
  std::vector<float> factors(c_.values.begin(), c_.values.end());
  if (inverted)
    for (std::size_t i = 0; i < factors.size(); ++i)
      factors[i] = static_cast<float>(1 / c_.values[i]);
  parallel_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      for (std::int64_t j = 0; j < width; ++j)
        out[r * width + j] = x[r * width + j] * factors[static_cast<std::size_t>(j)];
  });
}

// d is the gradient of x c, or of x / c.
void FlatPairLearner::add_scale_gradient(const float* x, const float* d, std::int64_t rows,
                                         bool inverted) {
  if (c_.values.empty()) return;
  const std::int64_t width = pair_.sides.m * pair_.sides.n;
  parallel_ranges(width, kColumnGrain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> sums(static_cast<std::size_t>(end - begin));
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t j = begin; j < end; ++j)
        sums[static_cast<std::size_t>(j - begin)] +=
            static_cast<double>(x[r * width + j]) * static_cast<double>(d[r * width + j]);
    for (std::int64_t j = begin; j < end; ++j) {
      const auto at = static_cast<std::size_t>(j);
      const double c = c_.values[at];
      c_.gradient[at] += sums[static_cast<std::size_t>(j - begin)] * (inverted ? -1 / (c * c) : 1);
    }
  });
}

void FlatPairLearner::forward(const float* x, std::int64_t rows) {
  const std::int64_t width = pair_.sides.m * pair_.sides.n;
  float* scaled = sized(scaled_, rows * width);
  float* turned = sized(turned_, rows * width);
  float* input = sized(input_, rows * width);
  scale(x, rows, false, scaled);
  online_.apply(scaled, rows, turned);
  const float clip = ratio();
  parallel_for(rows, [&](std::int64_t r) {
    fake_int4_row(turned + r * width, clip, 0.0F, input + r * width, width);
  });
}

float* FlatPairLearner::gradient(std::int64_t rows) {
  return sized(gradient_, rows * pair_.sides.m * pair_.sides.n);
}

void FlatPairLearner::backward(const float* x, std::int64_t rows) {
  const std::int64_t width = pair_.sides.m * pair_.sides.n;
  float* d = gradient_.data();
  const float clip = ratio();
  std::vector<double> slopes(static_cast<std::size_t>(rows));
  parallel_for(rows, [&](std::int64_t r) {
    float* at = d + r * width;
    slopes[static_cast<std::size_t>(r)] =
        fake_int4_row_grad(turned_.data() + r * width, clip, 0.0F, at, at, width);
  });
  const double slope = sigmoid(clip_.values[0]) * (1 - sigmoid(clip_.values[0]));
  for (double value : slopes) clip_.gradient[0] += value * slope;
  kronecker_grad({pair_.sides.m, pair_.sides.n}, online_.left.data(), data_or_null(online_.right),
                 scaled_.data(), d, rows, d, dleft_.data(), data_or_null(dright_, online_.right));
  add_scale_gradient(x, d, rows, false);
  scale(d, rows, false, d);
}

void FlatPairLearner::divide_weight(const float* weight, std::int64_t rows, float* divided) const {
  scale(weight, rows, true, divided);
}

void FlatPairLearner::transform_weight(const float* divided, std::int64_t rows, float* out) const {
  weights_.apply(divided, rows, out);
}

void FlatPairLearner::weight_backward(const float* weight, const float* divided, std::int64_t rows,
                                      float* d) {
  kronecker_grad({pair_.sides.m, pair_.sides.n}, weights_.left.data(), weights_.right.data(),
                 divided, d, rows, d, dleft_n_.data(), dright_n_.data());
  add_scale_gradient(weight, d, rows, true);
}

void FlatPairLearner::turn_values(const float* x, std::int64_t rows, std::int64_t width,
                                  float* y) const {
  const std::int64_t n = pair_.sides.n;
  parallel_for(rows / n, [&](std::int64_t head) {
    const std::int64_t at = head * n * width;
    matmul_tn_tile(right_values_.data(), n, x + at, width, y + at, width, n, width, n);
  });
}

void FlatPairLearner::turn_values_backward(const float* x, std::int64_t rows, std::int64_t width,
                                           float* d) {
  const std::int64_t n = pair_.sides.n;
  std::vector<float> sums(dright_.size() * static_cast<std::size_t>(rows / n));
  parallel_for(rows / n, [&](std::int64_t head) {
    float* at = d + head * n * width;
    matmul_nt_tile(x + head * n * width, width, at, width, sums.data() + head * n * n, n, n, n,
                   width);
    const std::vector<float> before(at, at + n * width);
    matmul_nn_tile(right_values_.data(), n, before.data(), width, at, width, n, width, n);
  });
  for (std::size_t i = 0; i < sums.size(); ++i)
    dright_[i % dright_.size()] += static_cast<double>(sums[i]);
}

void FlatPairLearner::gather_gradients() {
  left_.add_gradient(dleft_, dleft_n_);
  right_.add_gradient(dright_, dright_n_);
  for (SmallMatrix* sums : {&dleft_, &dright_, &dleft_n_, &dright_n_})
    std::fill(sums->begin(), sums->end(), 0.0);
}

void FlatPairLearner::step(double rate, double clip_rate, int t, double share) {
  gather_gradients();
  for (LearnedValues* values : parameters())
    values->step(values == &clip_ ? clip_rate : rate, t, share);
  refresh();
}

void FlatPairLearner::keep() {
  kept_.clear();
  for (const LearnedValues* values : parameters()) kept_.push_back(values->values);
}

void FlatPairLearner::use_kept() {
  std::size_t next = 0;
  for (LearnedValues* values : parameters()) values->values = kept_[next++];
  refresh();
}

FlatTransform FlatPairLearner::result() const {
  FlatTransform transform;
  transform.pair = pair_;
  transform.left = left_.matrix();
  transform.right = right_.matrix();
  transform.c = c_.values;
  transform.clip_ratio = ratio();
  return transform;
}

}  // namespace msmodelslim
