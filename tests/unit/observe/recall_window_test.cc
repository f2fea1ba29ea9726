// Worked example T-31 of the quantizers reference.
#include "observe/recall_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace msmodelslim {
namespace {

void expect_window(std::vector<float> values, double ratio, float min, float max) {
  const MinMax window = recall_window(values, ratio);
  EXPECT_EQ(window.min, min) << ratio;
  EXPECT_EQ(window.max, max) << ratio;
}

TEST(RecallWindow, T31) {
  const std::vector<float> row = {-.1F, .2F, .3F, -9, .5F, .4F, -.2F, .1F};
  expect_window(row, 1, -9, .5F);
  expect_window(row, 0.875, -.2F, .5F);
  expect_window(row, 0.75, -.1F, .5F);
  expect_window({3}, 0.9999, 3, 3);
}

TEST(RecallWindow, WithoutSortingTheMiddleIsTheSame) {
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  for (std::size_t n : {40U, 1000U, 30000U}) {
    std::vector<float> values(n);
    for (float& value : values) value = normal(generator);
    std::vector<float> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    const auto kept = static_cast<std::size_t>(0.999 * static_cast<double>(n));
    std::size_t best = 0;
    for (std::size_t i = 1; i + kept <= n; ++i)
      if (static_cast<double>(sorted[i + kept - 1]) - static_cast<double>(sorted[i]) <
          static_cast<double>(sorted[best + kept - 1]) - static_cast<double>(sorted[best]))
        best = i;
    expect_window(values, 0.999, sorted[best], sorted[best + kept - 1]);
  }
}

}  // namespace
}  // namespace msmodelslim
