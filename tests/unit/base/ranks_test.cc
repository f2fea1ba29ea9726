#include "base/ranks.h"

#include <gmock/gmock.h>

#include "rank_world.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

std::vector<std::size_t> ends(const std::vector<double>& costs, int size) {
  std::vector<std::size_t> result;
  std::size_t at = 0;
  for (const Share& share : contiguous_shares(costs, size)) {
    EXPECT_EQ(share.begin, at);
    result.push_back(at = share.end);
  }
  return result;
}

TEST(ContiguousShares, TakeAllAndAboutTheSame) {
  EXPECT_THAT(ends({1, 1, 1, 1}, 2), ElementsAre(2, 4));
  EXPECT_THAT(ends({9, 1, 1, 1}, 2), ElementsAre(1, 4));
  EXPECT_THAT(ends({1, 1, 1, 9}, 2), ElementsAre(3, 4));
  EXPECT_THAT(ends({5}, 3), ElementsAre(0, 1, 1));
  EXPECT_THAT(ends({}, 2), ElementsAre(0, 0));
  EXPECT_THAT(ends({1, 2, 3}, 1), ElementsAre(3));
}

TEST(SpreadOwners, DearestFirstToTheLeastLoaded) {
  EXPECT_THAT(spread_owners({1, 8, 3, 4}, 2), ElementsAre(1, 0, 1, 1));
  EXPECT_THAT(spread_owners({1, 1, 1}, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(spread_owners({2, 2}, 1), ElementsAre(0, 0));
}

TEST(ByteReader, ReadsWhatWasWrittenAndNotMore) {
  ByteWriter writer;
  writer.value(std::int32_t{-7});
  writer.text("name");
  writer.values(std::vector<float>{1.5F, -2.0F});
  Bytes bytes = writer.take();
  ByteReader reader(bytes);
  EXPECT_EQ(reader.value<std::int32_t>(), -7);
  EXPECT_EQ(reader.text(), "name");
  EXPECT_THAT(reader.values<float>(), ElementsAre(1.5F, -2.0F));
  EXPECT_TRUE(reader.at_end());
  EXPECT_THROW(reader.value<char>(), DataError);
  bytes.pop_back();
  ByteReader cut(bytes);
  cut.value<std::int32_t>();
  cut.text();
  EXPECT_THROW(cut.values<float>(), DataError);
}

TEST(RankMessages, OfAnyLengthGoToAllInOrder) {
  RankWorld(3).run([](Ranks& ranks) {
    const auto letter = static_cast<std::byte>('a' + ranks.rank());
    const Bytes mine(static_cast<std::size_t>(ranks.rank()), letter);
    EXPECT_THAT(ranks.gather(mine),
                ElementsAreArray({Bytes(), Bytes(1, std::byte{'b'}), Bytes(2, std::byte{'c'})}));
    EXPECT_EQ(ranks.broadcast_message(2, mine), Bytes(2, std::byte{'c'}));
    EXPECT_EQ(ranks.broadcast_message(0, mine), Bytes());
  });
}

TEST(LoneRank, IsTheRootAndKeepsWhatItHas) {
  Ranks& ranks = lone_rank();
  EXPECT_TRUE(ranks.alone() && ranks.is_root());
  EXPECT_EQ(ranks.broadcast_message(0, Bytes(3)), Bytes(3));
  EXPECT_EQ(ranks.bytes_sent(), 0U);
}

}  // namespace
}  // namespace msmodelslim
