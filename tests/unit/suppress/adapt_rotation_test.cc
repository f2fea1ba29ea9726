// The worked example of the reference (outlier-suppression 14) and what the fit is for.
#include "suppress/adapt_rotation.h"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

namespace msmodelslim {
namespace {

using testing::FloatNear;
using testing::Pointwise;

// The reference's rows have a rounding tie, so one value of it is moved; expected values by the
// same steps in double precision, the polar factor by its closed form for 2 x 2.
const std::vector<float> kRows = {8, 1, -6, 2.1F, 5, -3};

TEST(AdaptRotation, StepsOfTheReference) {
  const AdaptResult one = adapt_rotation({1, 4}, Rotation::hadamard(2), kRows, 3);
  EXPECT_NEAR(one.losses.at(0), .0906640, 1e-6);
  EXPECT_NEAR(one.losses.at(1), .0822407, 1e-6);
  EXPECT_THAT(one.matrix,
              Pointwise(FloatNear(1e-5F), {.7172544F, .6968114F, .6968114F, -.7172544F}));
  const AdaptResult many = adapt_rotation({20, 4}, Rotation::hadamard(2), kRows, 3);
  EXPECT_THAT(many.matrix,
              Pointwise(FloatNear(1e-5F), {.7174217F, .6966392F, .6966392F, -.7174217F}));
  EXPECT_NEAR(*std::min_element(many.losses.begin(), many.losses.end()), .0822022, 1e-6);
}

TEST(AdaptRotation, PolarFactorOfTwoByTwo) {
  // p = C00 + C11, q = C10 - C01: R = [[p, -q], [q, p]] / sqrt(p^2 + q^2)
  const std::vector<float> r = polar_factor({49.6428528F, 52.928566F, 54.3571434F, 86.5F}, 2);
  EXPECT_THAT(r, Pointwise(FloatNear(1e-5F), {.9999449F, -.0104927F, .0104927F, .9999449F}));
}

TEST(AdaptRotation, StaysOrthogonalAndNeverGetsWorse) {
  constexpr std::int64_t kWidth = 48;
  constexpr std::int64_t kCount = 200;
  std::mt19937 generator(3);
  std::student_t_distribution<float> heavy(3);
  std::vector<float> x(kWidth * kCount);
  for (float& value : x) value = heavy(generator);
  const AdaptResult result = adapt_rotation({20, 4}, Rotation::hadamard(kWidth), x, kCount);
  for (std::int64_t i = 0; i < kWidth; ++i)
    for (std::int64_t j = 0; j < kWidth; ++j) {
      double sum = 0;
      for (std::int64_t l = 0; l < kWidth; ++l)
        sum += static_cast<double>(result.matrix[static_cast<std::size_t>(i * kWidth + l)]) *
               static_cast<double>(result.matrix[static_cast<std::size_t>(j * kWidth + l)]);
      EXPECT_NEAR(sum, i == j ? 1 : 0, 1e-4);
    }
  EXPECT_LT(*std::min_element(result.losses.begin(), result.losses.end()),
            0.98 * result.losses.front());
}

}  // namespace
}  // namespace msmodelslim
