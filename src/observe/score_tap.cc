#include "observe/score_tap.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "observe/ranges.h"
#include "observe/sorted_samples.h"
#include "observe/spread_tap.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

constexpr double kTiny = 1e-10;

std::vector<float> rounded(const float* x, std::int64_t count, DType dtype) {
  std::vector<float> values(x, x + count);
  if (dtype == DType::kBF16) round_bf16(x, values.data(), count);
  if (dtype == DType::kF16)
    for (float& value : values) value = round_to_f16(value);
  return values;
}

}  // namespace

void ActivationScore::add(const float* x, const std::vector<Sequence>& samples, std::int64_t width,
                          DType dtype) {
  if (metric_ == ActivationMetric::kStd) {
    for (const Sequence& s : samples)
      if (s.rows > 0)
        add_spread(rounded(x + s.begin * width, s.rows * width, dtype).data(), s.rows, width);
    return;
  }
  std::vector<std::vector<float>> sorted(samples.size());
  parallel_for(static_cast<std::int64_t>(samples.size()), [&](std::int64_t i) {
    const Sequence& s = samples[static_cast<std::size_t>(i)];
    sorted[static_cast<std::size_t>(i)] =
        sorted_samples(x + s.begin * width, s.rows * width, dtype);
  });
  for (const std::vector<float>& values : sorted) {
    seen_ |= !values.empty();
    samples_.insert(samples_.end(), values.begin(), values.end());
  }
}

void ActivationScore::add_spread(const float* x, std::int64_t rows, std::int64_t width) {
  const ColumnRange range = column_range(x, rows, width);
  std::vector<float> shift(range.min.size());
  for (std::size_t c = 0; c < shift.size(); ++c) {
    shift[c] = (range.max[c] + range.min[c]) / 2;
    largest_ = std::max({largest_, std::fabs(static_cast<double>(range.min[c])),
                         std::fabs(static_cast<double>(range.max[c]))});
  }
  std_ = std::max(std_, shifted_deviation(x, rows, shift));
  seen_ = true;
}

double ActivationScore::score() const {
  switch (metric_) {
    case ActivationMetric::kStd:
      return std_ > 0 ? largest_ / std_ : largest_;
    case ActivationMetric::kQuantile:
      return quantile_score();
    case ActivationMetric::kKurtosis:
      return kurtosis_score();
  }
  return 0;
}

double ActivationScore::quantile_score() const {
  std::vector<float> s = samples_;
  const auto q = static_cast<std::ptrdiff_t>(s.size() / 4);
  const auto at = [&](std::ptrdiff_t rank) {
    std::nth_element(s.begin(), s.begin() + rank, s.end());
    return static_cast<double>(s[static_cast<std::size_t>(rank)]);
  };
  double largest = 0;
  for (const float value : s) largest = std::max(largest, std::fabs(static_cast<double>(value)));
  return (2 * largest / 254) / (at(3 * q) - at(q) + kTiny);
}

double ActivationScore::kurtosis_score() const {
  const auto n = static_cast<double>(samples_.size());
  double sum = 0;
  for (const float x : samples_) sum += static_cast<double>(x);
  const double mean = sum / n;
  double squares = 0;
  for (const float x : samples_)
    squares += (static_cast<double>(x) - mean) * (static_cast<double>(x) - mean);
  const double deviation = std::sqrt(squares / n) + kTiny;
  double fourth = 0;
  for (const float x : samples_) {
    const double z = (static_cast<double>(x) - mean) / deviation;
    fourth += z * z * z * z;
  }
  return fourth / n - 3;
}

ScoreTap::ScoreTap(ActivationMetric metric, DType dtype,
                   const std::vector<const LinearSpec*>& linears)
    : dtype_(dtype) {
  std::map<std::string, std::string> first;  // of a group
  for (const LinearSpec* linear : linears) {
    const std::string& name = linear->name;
    looked_at_[name] =
        linear->group.empty() ? name : first.emplace(linear->group, name).first->second;
    scores_.emplace(looked_at_[name], ActivationScore(metric));
  }
}

void ScoreTap::see(const Linear& linear, const float* x, std::int64_t,
                   const std::vector<Sequence>& sequences) {
  scores_.at(linear.name()).add(x, sequences, linear.spec().in, dtype_);
}

std::optional<double> ScoreTap::score(const std::string& linear) const {
  const ActivationScore& score = scores_.at(looked_at_.at(linear));
  if (!score.seen()) return std::nullopt;
  return score.score();
}

}  // namespace msmodelslim
