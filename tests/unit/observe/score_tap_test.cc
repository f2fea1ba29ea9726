// Worked examples of the analysis reference (1.4).
#include "observe/score_tap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "observe/sorted_samples.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

double score_of(ActivationMetric metric, const std::vector<float>& x, std::int64_t width) {
  ActivationScore score(metric);
  score.add(x.data(), {{0, static_cast<std::int64_t>(x.size()) / width, 0}}, width, DType::kF32);
  EXPECT_TRUE(score.seen());
  return score.score();
}

TEST(ActivationScore, Std) {
  EXPECT_NEAR(score_of(ActivationMetric::kStd, {1, -2, 3, 4, 0, -1}, 3), 2.3488808, 1e-6);
  EXPECT_EQ(score_of(ActivationMetric::kStd, {5, 5}, 1), 5);
  EXPECT_EQ(score_of(ActivationMetric::kStd, {0, 0}, 1), 0);
}

TEST(ActivationScore, StdTakesTheLargestDeviationOfASampleAndTheRangeOfAll) {
  ActivationScore score(ActivationMetric::kStd);
  const std::vector<float> x = {1, -2, 3, 4, 0, -1, 0, 0, 0, 8, 8, 8};
  score.add(x.data(), {{0, 2, 0}, {2, 2, 0}}, 3, DType::kF32);
  EXPECT_NEAR(score.score(), 8 / std::sqrt(6 * 16 / 5.0), 1e-6);
}

std::vector<float> ramp_with_outlier() {
  std::vector<float> x;
  for (int i = 1; i <= 2000; ++i) x.push_back(static_cast<float>(i) / 100);
  x.back() = 100;
  return x;
}

TEST(ActivationScore, QuantileAndKurtosis) {
  std::vector<float> x = ramp_with_outlier();
  std::shuffle(x.begin(), x.end(), std::mt19937(3));
  EXPECT_NEAR(score_of(ActivationMetric::kKurtosis, x, 1), -1.2060149, 1e-6);
  EXPECT_NEAR(score_of(ActivationMetric::kQuantile, x, 4), 0.01536220, 1e-7);
}

TEST(ActivationScore, NoTokens) {
  ActivationScore score(ActivationMetric::kKurtosis);
  score.add(nullptr, {{0, 0, 0}}, 4, DType::kF32);
  EXPECT_FALSE(score.seen());
}

TEST(SortedSamples, KeepsEvery100thAndAllOfFew) {
  const std::vector<float> kept = sorted_samples(ramp_with_outlier().data(), 2000, DType::kF32);
  ASSERT_EQ(kept.size(), 20U);
  EXPECT_FLOAT_EQ(kept.front(), 0.51F);
  EXPECT_FLOAT_EQ(kept.back(), 19.51F);
  const std::vector<float> few = {3, -1, 2, -7};
  EXPECT_EQ(sorted_samples(few.data(), 4, DType::kF32), std::vector<float>({-7, -1, 2, 3}));
  EXPECT_EQ(sorted_samples(few.data(), 4, DType::kBF16), std::vector<float>({-7, -1, 2, 3}));
}

TEST(SortedSamples, EqualsASort) {
  std::mt19937 generator(7);
  std::normal_distribution<float> normal;
  std::vector<float> x(12345);
  for (float& value : x) value = normal(generator) * std::exp(4 * normal(generator));
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    std::vector<float> sorted = x;
    for (float& value : sorted)
      value = dtype == DType::kBF16  ? round_to_bf16(value)
              : dtype == DType::kF16 ? round_to_f16(value)
                                     : value;
    std::sort(sorted.begin(), sorted.end());
    std::vector<float> expected;
    for (std::size_t i = 50; i < sorted.size(); i += 100) expected.push_back(sorted[i]);
    EXPECT_EQ(sorted_samples(x.data(), 12345, dtype), expected);
  }
}

}  // namespace
}  // namespace msmodelslim
