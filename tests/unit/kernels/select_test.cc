#include "kernels/select.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace msmodelslim {
namespace {

TEST(Select, EveryRankOfSmallSetsWithTies) {
  std::mt19937 generator(1);
  std::uniform_int_distribution<int> small(-4, 4);
  for (std::size_t count : {1U, 2U, 17U, 200U}) {
    std::vector<float> x(count);
    for (float& value : x) value = static_cast<float>(small(generator)) * 0.25F;
    std::vector<float> sorted = x;
    for (float& value : sorted) value = std::fabs(value);
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t k = 0; k < count; ++k)
      ASSERT_EQ(kth_smallest_magnitude(x.data(), static_cast<std::int64_t>(count),
                                       static_cast<std::int64_t>(k)),
                sorted[k]);
  }
}

TEST(Select, ManyValuesOfAllSizes) {
  std::mt19937 generator(2);
  std::vector<float> x(2100003);
  for (float& value : x)
    value = std::ldexp(static_cast<float>(generator()), -static_cast<int>(generator() % 150));
  x[7] = 0;
  x[8] = -0.0F;
  x[9] = 1e-45F;
  std::vector<float> sorted = x;
  for (float& value : sorted) value = std::fabs(value);
  std::sort(sorted.begin(), sorted.end());
  for (std::int64_t k : {0L, 1L, 2L, 3L, 1000000L, 2000000L, 2100002L})
    EXPECT_EQ(kth_smallest_magnitude(x.data(), static_cast<std::int64_t>(x.size()), k),
              sorted[static_cast<std::size_t>(k)]);
}

}  // namespace
}  // namespace msmodelslim
