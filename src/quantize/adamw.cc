#include "quantize/adamw.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace msmodelslim {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;
constexpr double kDecay = 0.01;
constexpr double kWarmStart = 0.01;
constexpr std::int64_t kWarmSteps = 16;

}  // namespace

LearnedValues::LearnedValues(std::vector<double> start)
    : values(std::move(start)),
      gradient(values.size()),
      mean(values.size()),
      square(values.size()) {}

void LearnedValues::step(double rate, int t, double share) {
  const double mean_share = 1 - std::pow(kBeta1, t);
  const double square_share = 1 - std::pow(kBeta2, t);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double g = share * gradient[i];
    values[i] -= rate * kDecay * values[i];
    mean[i] = kBeta1 * mean[i] + (1 - kBeta1) * g;
    square[i] = kBeta2 * square[i] + (1 - kBeta2) * g * g;
    values[i] -= rate * (mean[i] / mean_share) / (std::sqrt(square[i] / square_share) + kEpsilon);
  }
  std::fill(gradient.begin(), gradient.end(), 0.0);
}

WarmCosine::WarmCosine(double base, double least, std::int64_t length)
    : least_(least), length_(length), rate_(base * kWarmStart) {}

void WarmCosine::advance() {
  ++t_;
  const auto t = static_cast<double>(t_);
  constexpr double kGrowth = 1 - kWarmStart;
  if (t_ <= kWarmSteps)
    rate_ *= 1 + kGrowth / (static_cast<double>(kWarmSteps) * kWarmStart + (t - 1) * kGrowth);
  const auto angle = [this](double at) {
    return 1 + std::cos(std::numbers::pi * at / static_cast<double>(length_));
  };
  if (angle(t - 1) > 0) rate_ = angle(t) / angle(t - 1) * (rate_ - least_) + least_;
}

}  // namespace msmodelslim
