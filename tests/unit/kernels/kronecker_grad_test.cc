// The gradient of X -> L^T X R against differences.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/threads.h"
#include "kernels/grad/kronecker.h"

namespace msmodelslim {
namespace {

using Values = std::vector<double>;

constexpr std::int64_t kM = 3, kN = 4, kRows = 130;  // more than one piece

Values random_values(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  Values values(count);
  for (double& value : values) value = normal(generator);
  return values;
}

std::vector<float> narrow(const Values& values) { return {values.begin(), values.end()}; }

// sum(d * L^T X R)
double loss(const Values& left, const Values& right, const Values& x, const Values& d) {
  double sum = 0;
  for (std::int64_t r = 0; r < kRows; ++r)
    for (std::int64_t i = 0; i < kM; ++i)
      for (std::int64_t j = 0; j < kN; ++j)
        for (std::int64_t a = 0; a < kM; ++a)
          for (std::int64_t b = 0; b < kN; ++b) {
            const double l = left.empty() ? (a == i) : left[static_cast<std::size_t>(a * kM + i)];
            const double q = right.empty() ? (b == j) : right[static_cast<std::size_t>(b * kN + j)];
            sum += d[static_cast<std::size_t>((r * kM + i) * kN + j)] * l * q *
                   x[static_cast<std::size_t>((r * kM + a) * kN + b)];
          }
  return sum;
}

// The loss is linear in each of its arguments.
template <typename Loss>
void expect_gradient(Values at, const Values& gradient, const Loss& of) {
  for (std::size_t i = 0; i < gradient.size(); i += 7) {
    const double before = at[i];
    at[i] = before + 1;
    const double up = of(at);
    at[i] = before - 1;
    const double down = of(at);
    at[i] = before;
    EXPECT_NEAR((up - down) / 2, gradient[i], 1e-3) << i;
  }
}

class KroneckerGrad : public testing::TestWithParam<std::pair<bool, bool>> {};

TEST_P(KroneckerGrad, AgreesWithDifferences) {
  const Values left = GetParam().first ? random_values(kM * kM, 1) : Values{};
  const Values right = GetParam().second ? random_values(kN * kN, 2) : Values{};
  const Values x = random_values(kRows * kM * kN, 3);
  const Values d = random_values(x.size(), 4);
  const std::vector<float> l = narrow(left), r = narrow(right), in = narrow(x);
  std::vector<float> dx = narrow(d);
  Values dleft(left.size()), dright(right.size());
  kronecker_grad({kM, kN}, l.empty() ? nullptr : l.data(), r.empty() ? nullptr : r.data(),
                 in.data(), dx.data(), kRows, dx.data(), dleft.data(), dright.data());
  expect_gradient(x, Values(dx.begin(), dx.end()),
                  [&](const Values& at) { return loss(left, right, at, d); });
  expect_gradient(left, dleft, [&](const Values& at) { return loss(at, right, x, d); });
  expect_gradient(right, dright, [&](const Values& at) { return loss(left, at, x, d); });
}

INSTANTIATE_TEST_SUITE_P(Sides, KroneckerGrad,
                         testing::Values(std::pair{true, true}, std::pair{true, false},
                                         std::pair{false, true}));

}  // namespace
}  // namespace msmodelslim
