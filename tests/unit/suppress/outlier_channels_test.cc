#include "suppress/outlier_channels.h"

#include <gtest/gtest.h>

#include <cmath>

namespace msmodelslim {
namespace {

TEST(OutlierChannels, CbqMeasuresByTheLargestOther) {
  std::vector<float> max(20, 1.0F);
  std::vector<float> min(20, -1.0F);
  for (std::size_t j = 0; j < max.size(); ++j) max[j] += 0.01F * static_cast<float>(j);
  max[3] = 10;
  min[5] = -4;
  const std::vector<float> scales = cbq_scales(min, max);
  EXPECT_NEAR(scales[3], std::pow(10 / 1.19, 0.7), 1e-4);
  EXPECT_NEAR(scales[5], std::pow(4.0, 0.7), 1e-4);
  EXPECT_EQ(scales[0], 1.0F);
}

TEST(OutlierChannels, CbqCutsAtTheLargestGap) {
  std::vector<float> max(20, 1.0F);
  max[0] = 20;
  max[1] = 19;
  max[2] = 2;
  const std::vector<float> scales = cbq_scales(std::vector<float>(20, -1.0F), max);
  EXPECT_NEAR(scales[0], std::pow(10.0, 0.7), 1e-4);
  EXPECT_NEAR(scales[1], std::pow(9.5, 0.7), 1e-4);
  EXPECT_EQ(scales[2], 1.0F);
}

// Two channels, std 1; the largest values are the peaks.
SpreadTap::Stats two_channels(std::vector<float> min, std::vector<float> max) {
  SpreadTap::Stats stats;
  stats.min = std::move(min);
  stats.max = std::move(max);
  stats.peak = stats.max;
  stats.std = 1;
  return stats;
}

TEST(OutlierChannels, OnlyPeaksAboveTheDeviationAreScaled) {
  const std::vector<float> scales =
      outlier_suppression_scales(two_channels({-1, -0.5F}, {4, 0.5F}), {0.25F, 1});
  EXPECT_FLOAT_EQ(scales[0], 4.0F);
  EXPECT_EQ(scales[1], 1.0F);
}

// The range is decided by the other channel, so that larger weights gain nothing.
TEST(OutlierChannels, NothingIsScaledWhereRoundingWouldCostMore) {
  EXPECT_EQ(outlier_suppression_scales(two_channels({-1, -40}, {4, 0.5F}), {1, 1}),
            (std::vector<float>{1, 1}));
}

}  // namespace
}  // namespace msmodelslim
