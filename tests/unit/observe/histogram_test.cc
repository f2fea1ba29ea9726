// Worked examples T-12 and T-15 of the quantizers reference, and what must hold for any data.
#include "observe/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace msmodelslim {
namespace {

void add(RunningHistogram& histogram, const std::vector<float>& x) {
  const auto n = static_cast<std::int64_t>(x.size());
  histogram.add(x.data(), n, min_max(x.data(), n));
}

TEST(Rebin, T12) {
  const std::vector<double> counts = {1, 2, 3, 4};
  EXPECT_EQ(rebin(counts, {0, 4}, {-4, 4}, 2), (std::vector<double>{0, 0, 3, 7}));
  EXPECT_EQ(rebin(counts, {0, 4}, {0, 5}, 2), (std::vector<double>{1, 3.5, 3.5, 2}));
  EXPECT_EQ(rebin(counts, {0, 4}, {-1, 4.5F}, 2), (std::vector<double>{0.5, 1.5, 4, 4}));
}

TEST(RunningHistogram, T15) {
  RunningHistogram histogram;
  add(histogram, {-1, -0.5F, -0.25F, 0, 0.25F, 0.5F, 0.75F, 2});
  add(histogram, {-0.75F, -0.5F, 0, 0.125F, 0.5F, 1, 1.25F, 3.1F});
  EXPECT_EQ(histogram.range().min, -1.0F);
  EXPECT_EQ(histogram.range().max, 3.1F);
  EXPECT_EQ(histogram.total(), 16);
  EXPECT_EQ(histogram.counts()[249], 1.6875);
  EXPECT_EQ(histogram.counts()[250], 0.3125);
  EXPECT_EQ(histogram.counts()[873], 0.4375);
  EXPECT_EQ(histogram.counts()[874], 0.5625);
}

TEST(RunningHistogram, OneValueThenMore) {
  RunningHistogram histogram;
  add(histogram, {2, 2, 2});
  EXPECT_EQ(histogram.counts()[0], 3);
  add(histogram, {2});
  EXPECT_EQ(histogram.counts()[0], 4);
  add(histogram, {0, 4});
  EXPECT_EQ(histogram.counts()[0], 1);
  EXPECT_EQ(histogram.counts()[1024], 4);
  EXPECT_EQ(histogram.counts()[2047], 1);
}

TEST(RunningHistogram, KeepsEveryValueNearItsPlace) {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  RunningHistogram histogram;
  std::vector<float> all;
  for (int sample = 0; sample < 20; ++sample) {
    std::vector<float> x(static_cast<std::size_t>(1 + sample * 13));
    for (float& value : x) value = normal(generator) * static_cast<float>(1 + sample);
    add(histogram, x);
    all.insert(all.end(), x.begin(), x.end());
  }
  const auto& counts = histogram.counts();
  EXPECT_NEAR(std::accumulate(counts.begin(), counts.end(), 0.0), static_cast<double>(all.size()),
              1e-6);
  const MinMax range = histogram.range();
  EXPECT_EQ(range.min, *std::min_element(all.begin(), all.end()));
  EXPECT_EQ(range.max, *std::max_element(all.begin(), all.end()));
  double below = 0;
  for (std::size_t i = 0; i < 1024; ++i) below += counts[i];
  const float middle = (range.min + range.max) / 2;
  const auto expected =
      std::count_if(all.begin(), all.end(), [&](float value) { return value < middle; });
  EXPECT_NEAR(below, static_cast<double>(expected), 0.01 * static_cast<double>(all.size()));
}

}  // namespace
}  // namespace msmodelslim
