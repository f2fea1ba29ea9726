#include "recipe/name_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(NameFilter, ExcludeWins) {
  const NameFilter filter({"*self_attn*", "*mlp*"}, {"*.o_proj"}, false);
  EXPECT_TRUE(filter.selects("model.layers.0.self_attn.q_proj"));
  EXPECT_TRUE(filter.selects("model.layers.0.mlp.up_proj"));
  EXPECT_FALSE(filter.selects("model.layers.0.self_attn.o_proj"));
  EXPECT_FALSE(filter.selects("lm_head"));
}

TEST(NameFilter, EmptyIncludeMeansNothingOrEverything) {
  const NameFilter nothing({}, {}, false);
  EXPECT_FALSE(nothing.selects("a"));
  EXPECT_TRUE(nothing.selects_nothing());
  const NameFilter everything({}, {"b"}, true);
  EXPECT_TRUE(everything.selects("a"));
  EXPECT_FALSE(everything.selects("b"));
  EXPECT_FALSE(everything.selects_nothing());
  EXPECT_TRUE(NameFilter().selects(".anything"));
}

TEST(NameFilter, AnEqualNameMatchesBeforeAnyPatternRule) {
  const NameFilter filter({"[a]"}, {}, false);
  EXPECT_TRUE(filter.selects("[a]"));
  EXPECT_TRUE(filter.selects("a"));
}

TEST(NameFilter, ListsPatternsThatMatchNoName) {
  const NameFilter filter({"*", "*mlp*", "*experts*"}, {"*.o_proj", "lm_head", "*wq_b"}, false);
  const std::vector<std::string> names = {"layers.0.mlp.up_proj", "layers.0.attn.o_proj",
                                          "lm_head"};
  EXPECT_THAT(filter.unmatched_patterns(names), ElementsAre("*experts*", "*wq_b"));
}

TEST(NameFilter, RedundantAndShadowedPatternsAreNoFalseAlarm) {
  const NameFilter filter({"*", "*mlp*"}, {"*up_proj", "layers.0.*"}, false);
  EXPECT_THAT(filter.unmatched_patterns({"layers.0.mlp.up_proj"}), IsEmpty());
}

}  // namespace
}  // namespace msmodelslim
