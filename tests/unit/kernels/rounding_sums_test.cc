#include "kernels/rounding_sums.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace msmodelslim {
namespace {

TEST(RoundingSums, IsThePlainSumInTheOrderOfTheRow) {
  constexpr std::int64_t kCount = 333;
  const std::int64_t rows = rounding_rows();
  std::mt19937 generator(2);
  std::normal_distribution<float> normal;
  std::vector<float> w(static_cast<std::size_t>(kCount * rows));
  for (float& value : w) value = normal(generator);
  std::vector<float> scales;
  for (std::int64_t r = 0; r < rows; ++r) scales.push_back(0.05F + 0.01F * static_cast<float>(r));
  std::vector<RoundingSums> sums(static_cast<std::size_t>(rows));
  rounding_sums(w.data(), kCount, scales.data(), -8, 7, sums.data());
  for (std::int64_t r = 0; r < rows; ++r) {
    const float scale = scales[static_cast<std::size_t>(r)];
    RoundingSums plain{0, 0, 0};
    for (std::int64_t i = 0; i < kCount; ++i) {
      const float value = w[static_cast<std::size_t>(i * rows + r)];
      const float q = std::fmin(std::fmax(std::nearbyint(value / scale), -8.0F), 7.0F);
      const volatile float product = q * scale;  // rounded, also where the compiler has an FMA
      const float off = value - product;
      plain.error += static_cast<double>(off * off);
      plain.wq += static_cast<double>(value) * static_cast<double>(q);
      plain.qq += static_cast<double>(q) * static_cast<double>(q);
    }
    const RoundingSums& got = sums[static_cast<std::size_t>(r)];
    EXPECT_EQ(got.wq, plain.wq);
    EXPECT_EQ(got.qq, plain.qq);
    EXPECT_EQ(got.error, plain.error);
  }
}

}  // namespace
}  // namespace msmodelslim
