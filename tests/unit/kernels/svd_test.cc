#include "kernels/svd.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/threads.h"

namespace msmodelslim {
namespace {

std::vector<float> random_matrix(std::int64_t rows, std::int64_t columns, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> a(static_cast<std::size_t>(rows * columns));
  for (float& value : a) value = normal(generator);
  return a;
}

// left right, [rows, columns]
std::vector<double> product(const TruncatedSvd& svd, std::int64_t rows, std::int64_t columns,
                            std::int64_t rank) {
  std::vector<double> p(static_cast<std::size_t>(rows * columns));
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < rank; ++i)
      for (std::int64_t c = 0; c < columns; ++c)
        p[static_cast<std::size_t>(r * columns + c)] +=
            static_cast<double>(svd.left[static_cast<std::size_t>(r * rank + i)]) *
            static_cast<double>(svd.right[static_cast<std::size_t>(i * columns + c)]);
  return p;
}

double energy(const std::vector<float>& a) {
  double sum = 0;
  for (float value : a) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum;
}

void expect_orthonormal(const std::vector<float>& rows, std::int64_t count, std::int64_t length) {
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      double dot = 0;
      for (std::int64_t c = 0; c < length; ++c)
        dot += static_cast<double>(rows[static_cast<std::size_t>(i * length + c)]) *
               static_cast<double>(rows[static_cast<std::size_t>(j * length + c)]);
      ASSERT_NEAR(dot, i == j ? 1 : 0, 1e-5) << i << " " << j;
    }
}

std::vector<double> singular_values(const TruncatedSvd& svd, std::int64_t rows, std::int64_t rank) {
  std::vector<double> values(static_cast<std::size_t>(rank));
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < rank; ++i) {
      const double x = static_cast<double>(svd.left[static_cast<std::size_t>(r * rank + i)]);
      values[static_cast<std::size_t>(i)] += x * x;
    }
  for (double& value : values) value = std::sqrt(value);
  return values;
}

// Q S P^T with Q, P the singular vectors of random matrices and S given.
std::vector<float> matrix_with(const std::vector<double>& values, std::int64_t rows,
                               std::int64_t columns) {
  const auto rank = static_cast<std::int64_t>(values.size());
  TruncatedSvd q = truncated_svd(random_matrix(rank, rows, 3).data(), rank, rows, rank);
  TruncatedSvd p = truncated_svd(random_matrix(rank, columns, 4).data(), rank, columns, rank);
  TruncatedSvd made;
  made.left.resize(static_cast<std::size_t>(rows * rank));
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < rank; ++i)
      made.left[static_cast<std::size_t>(r * rank + i)] =
          q.right[static_cast<std::size_t>(i * rows + r)] *
          static_cast<float>(values[static_cast<std::size_t>(i)]);
  made.right = p.right;
  const std::vector<double> a = product(made, rows, columns, rank);
  return {a.begin(), a.end()};
}

TEST(TruncatedSvd, T37) {
  const std::vector<float> w = {3, 1, 2, 1.5F};
  const TruncatedSvd svd = truncated_svd(w.data(), 2, 2, 1);
  EXPECT_NEAR(singular_values(svd, 2, 1)[0], 3.98193717, 1e-6);
  const std::vector<double> p = product(svd, 2, 2, 1);
  const std::vector<double> expected = {2.83394599, 1.34887469, 2.21267819, 1.05316961};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(p[i], expected[i], 1e-6);
}

TEST(TruncatedSvd, FullRankGivesTheMatrixBack) {
  for (const auto& [rows, columns] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 1}, {1, 7}, {9, 1}, {5, 13}, {33, 20}}) {
    const std::vector<float> a = random_matrix(rows, columns, 5);
    const std::int64_t rank = std::min(rows, columns);
    const TruncatedSvd svd = truncated_svd(a.data(), rows, columns, rank);
    const std::vector<double> p = product(svd, rows, columns, rank);
    for (std::size_t i = 0; i < a.size(); ++i)
      ASSERT_NEAR(p[i], static_cast<double>(a[i]), 1e-4) << rows << " x " << columns;
    expect_orthonormal(svd.right, rank, columns);
  }
}

TEST(TruncatedSvd, FindsKnownSingularValues) {
  const std::vector<double> values = {50, 20, 20, 5, 3, 1, 0.5, 0.1};
  const std::vector<float> a = matrix_with(values, 300, 170);
  const std::vector<double> found = singular_values(truncated_svd(a.data(), 300, 170, 6), 300, 6);
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i] / values[i], 1, 1e-4);
}

// The hardest spectrum: nothing stands out. The best possible share comes from all singular values.
TEST(TruncatedSvd, OfNoiseHoldsNearlyAllThatTheRankCan) {
  constexpr std::int64_t kRows = 160;
  constexpr std::int64_t kColumns = 120;
  constexpr std::int64_t kRank = 8;
  const std::vector<float> a = random_matrix(kRows, kColumns, 6);
  const auto all =
      singular_values(truncated_svd(a.data(), kRows, kColumns, kColumns), kRows, kColumns);
  double best = 0;
  for (std::size_t i = 0; i < kRank; ++i) best += all[i] * all[i];
  const TruncatedSvd svd = truncated_svd(a.data(), kRows, kColumns, kRank);
  EXPECT_GT(energy(svd.left), 0.999 * best);
  expect_orthonormal(svd.right, kRank, kColumns);
}

TEST(TruncatedSvd, DirectionsBeyondTheMatrixAreZero) {
  const std::vector<float> a = matrix_with({4, 2}, 40, 30);
  const TruncatedSvd svd = truncated_svd(a.data(), 40, 30, 5);
  const auto values = singular_values(svd, 40, 5);
  EXPECT_NEAR(values[1], 2, 1e-4);
  EXPECT_LT(values[2], 1e-4);
  const std::vector<float> nothing(40 * 30, 0.0F);
  const TruncatedSvd zero = truncated_svd(nothing.data(), 40, 30, 3);
  EXPECT_EQ(energy(zero.left), 0);
  EXPECT_EQ(energy(zero.right), 0);
}

TEST(TruncatedSvd, SameBitsForAnyNumberOfThreads) {
  const std::vector<float> a = random_matrix(700, 600, 7);
  const int before = thread_count();
  set_thread_count(1);
  const TruncatedSvd one = truncated_svd(a.data(), 700, 600, 12);
  set_thread_count(3);
  const TruncatedSvd three = truncated_svd(a.data(), 700, 600, 12);
  set_thread_count(before);
  EXPECT_EQ(one.left, three.left);
  EXPECT_EQ(one.right, three.right);
}

}  // namespace
}  // namespace msmodelslim
