// Cayley's map, M and its inverse, and their gradients against differences; AdamW and its rates.
#include "quantize/flat_matrix.h"

#include <gtest/gtest.h>

#include <cmath>

namespace msmodelslim {
namespace {

constexpr std::int64_t kN = 5;

SmallMatrix random_square(unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  SmallMatrix values(kN * kN);
  for (double& value : values) value = normal(generator);
  return values;
}

double dot(const SmallMatrix& a, const SmallMatrix& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void expect_identity(const SmallMatrix& a, double tolerance) {
  const SmallMatrix one = identity_matrix(kN);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], one[i], tolerance);
}

TEST(Cayley, IsOrthogonalAndSolvesItsEquation) {
  const SmallMatrix x = random_square(1);
  const SmallMatrix q = cayley(x, kN);
  expect_identity(product(transposed(q, kN), q, kN), 1e-12);
  // (I - A/2) Q = I + A/2
  SmallMatrix minus = identity_matrix(kN), plus = minus;
  for (std::int64_t i = 0; i < kN; ++i)
    for (std::int64_t j = 0; j < kN; ++j) {
      const auto lower = [&](std::int64_t r, std::int64_t c) {
        return r >= c ? x[static_cast<std::size_t>(r * kN + c)] : 0.0;
      };
      const double a = lower(i, j) - lower(j, i);
      minus[static_cast<std::size_t>(i * kN + j)] -= a / 2;
      plus[static_cast<std::size_t>(i * kN + j)] += a / 2;
    }
  const SmallMatrix left = product(minus, q, kN);
  for (std::size_t i = 0; i < left.size(); ++i) EXPECT_NEAR(left[i], plus[i], 1e-12);
}

TEST(Cayley, GradientAgreesWithDifferences) {
  SmallMatrix x = random_square(2);
  const SmallMatrix h = random_square(3);
  const SmallMatrix dx = cayley_grad(cayley(x, kN), h, kN);
  constexpr double kStep = 1e-6;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double before = x[i];
    x[i] = before + kStep;
    const double up = dot(h, cayley(x, kN));
    x[i] = before - kStep;
    const double down = dot(h, cayley(x, kN));
    x[i] = before;
    EXPECT_NEAR((up - down) / (2 * kStep), dx[i], 1e-7) << i;
  }
}

TEST(FlatMatrix, StartsOrthogonal) {
  std::mt19937 generator(7);
  const FlatMatrix matrix(kN, generator);
  expect_identity(product(transposed(matrix.matrix(), kN), matrix.matrix(), kN), 1e-12);
}

TEST(FlatMatrix, InverseAndGradientsAgree) {
  std::mt19937 generator(7);
  FlatMatrix matrix(kN, generator);
  for (double& value : matrix.parameters()[2]->values) value += 0.3 * random_square(4)[3];
  matrix.parameters()[2]->values[1] = -1;
  matrix.refresh();
  expect_identity(product(transposed(matrix.inverse_transposed(), kN), matrix.matrix(), kN), 1e-12);
  const SmallMatrix dm = random_square(5), dn = random_square(6);
  matrix.add_gradient(dm, dn);
  const auto loss = [&] {
    matrix.refresh();
    return dot(dm, matrix.matrix()) + dot(dn, matrix.inverse_transposed());
  };
  constexpr double kStep = 1e-6;
  for (LearnedValues* parameter : matrix.parameters())
    for (std::size_t i = 0; i < parameter->values.size(); ++i) {
      const double before = parameter->values[i];
      parameter->values[i] = before + kStep;
      const double up = loss();
      parameter->values[i] = before - kStep;
      const double down = loss();
      parameter->values[i] = before;
      EXPECT_NEAR((up - down) / (2 * kStep), parameter->gradient[i], 1e-6) << i;
    }
}

// Two steps by hand.
TEST(AdamW, IsPyTorchs) {
  LearnedValues w({1.0});
  w.gradient = {0.5};
  w.step(0.1, 1);
  const double first = 1.0 * (1 - 0.1 * 0.01) - 0.1 * 0.5 / (0.5 + 1e-8);
  EXPECT_NEAR(w.values[0], first, 1e-12);
  EXPECT_EQ(w.gradient[0], 0);
  w.gradient = {-2.0};
  w.step(0.1, 2, 0.5);  // half of it: -1
  const double mean = (0.9 * 0.05 - 0.1) / (1 - 0.81);
  const double square = (0.999 * 0.00025 + 0.001) / (1 - 0.998001);
  EXPECT_NEAR(w.values[0], first * (1 - 0.001) - 0.1 * mean / (std::sqrt(square) + 1e-8), 1e-12);
}

TEST(WarmCosine, RisesForSixteenStepsAndThenFalls) {
  WarmCosine rate(1e-3, 1e-6, 80);
  EXPECT_NEAR(rate.rate(), 1e-5, 1e-12);
  double before = rate.rate();
  for (int i = 0; i < 16; ++i) {
    rate.advance();
    EXPECT_GT(rate.rate(), before);
    before = rate.rate();
  }
  EXPECT_NEAR(rate.rate(), 1e-3 * (1 + std::cos(M_PI * 16 / 80)) / 2, 2e-5);
  for (int i = 16; i < 80; ++i) {
    rate.advance();
    EXPECT_LT(rate.rate(), before);
    before = rate.rate();
  }
  EXPECT_NEAR(rate.rate(), 1e-6, 1e-9);
}

}  // namespace
}  // namespace msmodelslim
