#include "kernels/distance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace msmodelslim {
namespace {

TEST(Distance, AgreesWithTheDefinitionForAnyLength) {
  std::mt19937 generator(11);
  std::normal_distribution<float> normal;
  std::uniform_int_distribution<std::int32_t> code(-30000, 30000);
  for (std::int64_t count : {0, 1, 7, 8, 63, 64, 513, 1030}) {
    const auto size = static_cast<std::size_t>(count);
    std::vector<float> a(size), b(size), scales(size);
    std::vector<std::int32_t> sums(size);
    double plain = 0;
    double codes = 0;
    ErrorSums exact;
    for (std::size_t i = 0; i < size; ++i) {
      a[i] = normal(generator);
      b[i] = normal(generator);
      scales[i] = 0.01F + 0.01F * std::abs(normal(generator));
      sums[i] = code(generator);
      exact.aa += static_cast<double>(a[i]) * a[i];
      exact.bb += static_cast<double>(b[i]) * b[i];
      exact.ab += static_cast<double>(a[i]) * b[i];
      plain += std::pow(static_cast<double>(a[i]) - b[i], 2);
      codes += std::pow(static_cast<double>(sums[i]) * 0.003 * scales[i] - b[i], 2);
    }
    EXPECT_NEAR(squared_distance(a.data(), b.data(), count), plain, 1e-5 * plain);
    EXPECT_NEAR(squared_distance_s8(sums.data(), 0.003F, scales.data(), b.data(), count), codes,
                1e-5 * codes);
    const ErrorSums error = error_sums(a.data(), b.data(), count);
    EXPECT_NEAR(error.aa, exact.aa, 1e-5 * exact.aa);
    EXPECT_NEAR(error.bb, exact.bb, 1e-5 * exact.bb);
    EXPECT_NEAR(error.ab, exact.ab, 1e-5 * (exact.aa + exact.bb));
    EXPECT_NEAR(error.dd, plain, 1e-5 * plain);
  }
}

}  // namespace
}  // namespace msmodelslim
