#include "kernels/small_matrix.h"

#include <gtest/gtest.h>

#include <random>

namespace msmodelslim {
namespace {

TEST(SmallMatrix, InverseTimesMatrixIsTheIdentity) {
  const std::int64_t n = 23;
  std::mt19937 generator(1);
  std::normal_distribution<double> normal;
  SmallMatrix a(static_cast<std::size_t>(n * n));
  for (double& value : a) value = normal(generator);
  a[0] = 0;  // the first pivot comes from another row
  const SmallMatrix one = product(inverse(a, n), a, n);
  const SmallMatrix expected = identity_matrix(n);
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(one[i], expected[i], 1e-10);
  EXPECT_EQ(transposed(transposed(a, n), n), a);
}

TEST(SmallMatrix, SingularHasNoInverse) {
  EXPECT_TRUE(inverse({1, 2, 2, 4}, 2).empty());
  EXPECT_TRUE(inverse({std::nan(""), 0, 0, 1}, 2).empty());
}

}  // namespace
}  // namespace msmodelslim
