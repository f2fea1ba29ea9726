// The error formula against a sum over points, and the chosen range against minmax on the data.
#include "quantize/histogram_range.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace msmodelslim {
namespace {

RunningHistogram histogram_of(const std::vector<float>& x) {
  RunningHistogram histogram;
  const auto n = static_cast<std::int64_t>(x.size());
  histogram.add(x.data(), n, min_max(x.data(), n));
  return histogram;
}

double error_on(const std::vector<float>& x, MinMax range, bool symmetric) {
  const QuantParam param = integer_param(range.min, range.max, symmetric, 8, DType::kF32);
  std::vector<float> y(x.size());
  fake_quantize_s8(x.data(), param.scale, param.offset, y.data(),
                   static_cast<std::int64_t>(x.size()));
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = static_cast<double>(x[i]) - static_cast<double>(y[i]);
    sum += d * d;
  }
  return sum;
}

TEST(HistogramError, IsTheIntegralOfTheSquaredError) {
  std::mt19937 generator(1);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (const QuantParam param : {QuantParam{0.03F, 0}, QuantParam{0.03F, -100}, QuantParam{0.2F, 7},
                                 QuantParam{0.0004F, 90}, QuantParam{5, 0}}) {
    const MinMax range = {-3, 5};
    std::vector<double> counts(64);
    for (double& count : counts) count = uniform(generator);
    constexpr int kPoints = 20000;  // per bin
    double expected = 0;
    for (std::size_t i = 0; i < counts.size(); ++i)
      for (int p = 0; p < kPoints; ++p) {
        const double x = -3 + (static_cast<double>(i) + (p + 0.5) / kPoints) / 8;
        const double q =
            std::fmin(127, std::fmax(-128, std::nearbyint(x / static_cast<double>(param.scale) +
                                                          static_cast<double>(param.offset))));
        const double d =
            x - (q - static_cast<double>(param.offset)) * static_cast<double>(param.scale);
        expected += counts[i] / kPoints * d * d;
      }
    EXPECT_NEAR(histogram_error(counts, range, param), expected, 2e-3 * expected);
  }
}

class BestRange : public testing::TestWithParam<std::tuple<int, bool>> {};

TEST_P(BestRange, NeverCostsMoreThanMinmaxOnTheSameData) {
  const auto [kind, symmetric] = GetParam();
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    std::student_t_distribution<float> heavy(3);
    std::uniform_real_distribution<float> uniform(-2, 5);
    std::vector<float> x(static_cast<std::size_t>(seed < 5 ? 1 + 7 * seed : 301 * seed));
    for (float& value : x) {
      const float n = normal(generator);
      value = kind == 0   ? n
              : kind == 1 ? heavy(generator)
              : kind == 2 ? uniform(generator)
              : kind == 3 ? n / (1 + std::exp(-n)) * normal(generator)
                          : n * n + 3;
    }
    const RunningHistogram histogram = histogram_of(x);
    const double best = error_on(x, best_range(histogram, symmetric, DType::kF32), symmetric);
    const double whole = error_on(x, histogram.range(), symmetric);
    EXPECT_LE(best, whole) << "seed " << seed << ", " << x.size() << " values";
  }
}

INSTANTIATE_TEST_SUITE_P(Data, BestRange, testing::Combine(testing::Range(0, 5), testing::Bool()));

TEST(BestRangeOf, CutsATailThatCostsMoreThanItIsWorth) {
  std::mt19937 generator(2);
  std::normal_distribution<float> normal;
  std::vector<float> x(1000000);
  for (float& value : x) value = normal(generator);
  x[7] = 40;  // one value, 8 times beyond the rest: a million finer steps are worth more
  for (bool symmetric : {false, true}) {
    const MinMax range = best_range(histogram_of(x), symmetric, DType::kF32);
    EXPECT_LT(range.max, 25);
    EXPECT_LT(error_on(x, range, symmetric), 0.9 * error_on(x, {-5, 40}, symmetric));
  }
}

TEST(BestRangeOf, OneValue) {
  const MinMax range = best_range(histogram_of({3, 3, 3}), false, DType::kF32);
  EXPECT_EQ(range.min, 3);
  EXPECT_EQ(range.max, 3);
}

// What torch.ao.quantization.HistogramObserver of torch 2.15 (per_tensor_affine, qint8) gives.
TEST(FirstRiseRange, IsTorchsRange) {
  const auto range_of = [](auto value) {
    std::vector<float> x(200000);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double u = static_cast<double>(i * 7919 % 100003) / 100003 * 2 - 1;
      x[i] = static_cast<float>(value(i, u));
    }
    return first_rise_range(histogram_of(x));
  };
  const MinMax even = range_of([](std::size_t, double u) { return std::sinh(4 * u); });
  EXPECT_NEAR(even.min, -27.28992, 1e-4);
  EXPECT_NEAR(even.max, 27.20779, 1e-4);
  const MinMax one_far =
      range_of([](std::size_t i, double u) { return i == 70001 ? 30 : u + u * u * u; });
  EXPECT_NEAR(one_far.min, -2, 1e-4);
  EXPECT_NEAR(one_far.max, 1.984375, 1e-4);
  const MinMax tails =
      range_of([](std::size_t, double u) { return u * u * u / (1.001 - std::abs(u)); });
  EXPECT_NEAR(tails.min, -1000, 1e-2);
  EXPECT_NEAR(tails.max, 960.99475, 1e-2);
}

TEST(FirstRiseRange, OneValue) {
  const MinMax range = first_rise_range(histogram_of({3, 3, 3}));
  EXPECT_EQ(range.min, 3);
  EXPECT_EQ(range.max, 3);
}

}  // namespace
}  // namespace msmodelslim
