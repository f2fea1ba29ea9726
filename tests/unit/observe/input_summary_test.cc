#include "observe/input_summary.h"

#include <gmock/gmock.h>

#include <numeric>

namespace msmodelslim {
namespace {

using testing::ElementsAre;

// Channels 1..200 with the largest |x| 1..200, some of it below zero.
TEST(InputSummary, PercentilesAreThoseOfTheChannels) {
  std::vector<float> max(200);
  std::iota(max.begin(), max.end(), 1.0F);
  std::vector<float> min(200, -0.5F);
  min[49] = -300;  // its largest |x| was 50
  const InputChange change = input_change(min, max, std::vector<float>(200, 1.0F), {});
  EXPECT_FALSE(change.means);
  EXPECT_EQ(change.before.range->min, -300);
  EXPECT_EQ(change.before.range->max, 200);
  // Nearest rank of 200: the 2nd, 20th, 100th, 180th, 198th, 200th of 1..49, 51..200, 300.
  EXPECT_THAT(change.before.channels, ElementsAre(2, 20, 101, 181, 199, 300));
}

TEST(InputSummary, AScaleAndAShiftMoveTheRange) {
  const InputChange change = input_change({-2, 4}, {6, 8}, {2, 4}, {2, 6});
  EXPECT_EQ(change.after.range->min, -2);  // (-2 - 2) / 2
  EXPECT_EQ(change.after.range->max, 2);
  EXPECT_THAT(change.after.channels, ElementsAre(0.5F, 0.5F, 0.5F, 2, 2, 2));
}

TEST(InputSummary, MeansHaveNoRange) {
  const InputChange change = input_change({3, 1}, {2, 0.5F});
  EXPECT_TRUE(change.means);
  EXPECT_FALSE(change.before.range || change.after.range);
  EXPECT_THAT(change.before.channels, ElementsAre(1, 1, 1, 3, 3, 3));
  EXPECT_THAT(change.after.channels, ElementsAre(1.5F, 1.5F, 1.5F, 2, 2, 2));
}

}  // namespace
}  // namespace msmodelslim
