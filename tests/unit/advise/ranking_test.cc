#include "advise/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace msmodelslim {
namespace {

using testing::ElementsAre;

TEST(Ranking, CountsEqualScoresAsOne) {
  std::vector<LayerScore> scores = {{"a", 1, 0}, {"b", 3, 0}, {"c", 2, 0}, {"d", 3, 0}};
  sort_scores(&scores);
  EXPECT_EQ(scores[0].name, "b");  // equal scores keep their order
  EXPECT_EQ(scores[1].name, "d");
  EXPECT_EQ(shown_count(scores, 1), 2U);
  EXPECT_EQ(shown_count(scores, 2), 3U);
  EXPECT_EQ(shown_count(scores, 9), 4U);
  EXPECT_EQ(shown_count({}, 3), 0U);
}

TEST(Ranking, WritesNamesToPaste) {
  std::vector<std::string> plain;
  print_ranking(
      {{"model.layers.1", 2, 0}, {"model.layers.0.*", 1, 0}}, 15, "kl", {"*"}, true,
      [](const std::string&) {}, [&](const std::string& line) { plain.push_back(line); });
  EXPECT_THAT(plain, ElementsAre("top 2:", "  - 'model.layers.1.*'", "  - 'model.layers.0.*'"));
  EXPECT_EQ(python_list({"*", "a.b"}), "['*', 'a.b']");
  EXPECT_EQ(python_list({}), "[]");
}

}  // namespace
}  // namespace msmodelslim
