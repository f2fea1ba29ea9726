#include "recipe/nearest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(EditDistance, CountsEditsWithoutCase) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("ABC", "abc"), 0U);
}

TEST(NearestNames, ClosestFirstAndNothingFarAway) {
  const std::vector<std::string> names = {"include", "exclude", "qconfig"};
  EXPECT_THAT(nearest_names("includ", names, 2), ElementsAre("include", "exclude"));
  EXPECT_THAT(nearest_names("zzz", names, 2), IsEmpty());
  EXPECT_EQ(did_you_mean("qconfg", names), "; did you mean qconfig?");
  EXPECT_EQ(did_you_mean("zzz", names), "");
}

}  // namespace
}  // namespace msmodelslim
