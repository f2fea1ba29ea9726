#include "kernels/cholesky.h"

#include <gtest/gtest.h>

#include <random>

#include "base/threads.h"

namespace msmodelslim {
namespace {

// X^T X + I of random X, as a full matrix.
std::vector<float> random_matrix(std::int64_t n) {
  std::mt19937 generator(static_cast<unsigned>(n));
  std::normal_distribution<double> normal;
  const std::int64_t rows = n + 3;
  std::vector<double> x(static_cast<std::size_t>(rows * n));
  for (double& value : x) value = normal(generator);
  std::vector<float> h(static_cast<std::size_t>(n * n));
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = i == j ? 1 : 0;
      for (std::int64_t r = 0; r < rows; ++r)
        sum += x[static_cast<std::size_t>(r * n + i)] * x[static_cast<std::size_t>(r * n + j)];
      h[static_cast<std::size_t>(i * n + j)] = static_cast<float>(sum / static_cast<double>(rows));
    }
  return h;
}

TEST(Cholesky, TheFactorBelongsToTheInverse) {
  for (std::int64_t n : {1, 5, 128, 129, 300}) {
    const std::vector<float> h = random_matrix(n);
    std::vector<float> u = h;
    ASSERT_TRUE(inverse_cholesky(u, n));
    const auto at = [n](const std::vector<float>& m, std::int64_t r, std::int64_t c) {
      return static_cast<double>(m[static_cast<std::size_t>(r * n + c)]);
    };
    double worst = 0;
    // U H U^T = I.
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t c = 0; c < i; ++c) ASSERT_EQ(at(u, i, c), 0.0);
      std::vector<double> row(static_cast<std::size_t>(n));
      for (std::int64_t c = 0; c < n; ++c)
        for (std::int64_t k = i; k < n; ++k)
          row[static_cast<std::size_t>(c)] += at(u, i, k) * at(h, k, c);
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t k = j; k < n; ++k) sum += row[static_cast<std::size_t>(k)] * at(u, j, k);
        worst = std::max(worst, std::abs(sum - (i == j ? 1 : 0)));
      }
    }
    EXPECT_LT(worst, 1e-3) << n;
  }
}

TEST(Cholesky, RefusesAnIndefiniteMatrixAndKeepsItsLowerTriangle) {
  const std::int64_t n = 200;
  std::vector<float> h = random_matrix(n);
  h[0] = -1;
  const std::vector<float> before = h;
  EXPECT_FALSE(inverse_cholesky(h, n));
  for (std::int64_t r = 0; r < n; ++r)
    for (std::int64_t c = 0; c < r; ++c)
      ASSERT_EQ(h[static_cast<std::size_t>(r * n + c)],
                before[static_cast<std::size_t>(r * n + c)]);
}

TEST(Cholesky, SameBitsForAnyNumberOfThreads) {
  const std::int64_t n = 400;
  const std::vector<float> h = random_matrix(n);
  std::vector<float> first;
  for (int threads : {1, 2, 7}) {
    set_thread_count(threads);
    std::vector<float> u = h;
    ASSERT_TRUE(inverse_cholesky(u, n));
    if (first.empty()) first = u;
    EXPECT_EQ(u, first) << threads;
  }
  set_thread_count(available_threads());
}

}  // namespace
}  // namespace msmodelslim
