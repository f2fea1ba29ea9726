#include "text/bpe_merge.h"

#include <gtest/gtest.h>

#include <random>

namespace msmodelslim {
namespace {

// A random merge table over `alphabet` symbols in which equal texts have equal ids.
PairTable random_merges(std::mt19937& random, int alphabet, int count) {
  std::vector<std::vector<int>> texts;
  for (int i = 0; i < alphabet; ++i) texts.push_back({i});
  PairTable merges;
  merges.reserve(static_cast<std::size_t>(count));
  for (int rank = 0; rank < count; ++rank) {
    const auto left = random() % texts.size();
    const auto right = random() % texts.size();
    std::vector<int> joined = texts[left];
    joined.insert(joined.end(), texts[right].begin(), texts[right].end());
    std::size_t id = 0;
    while (id < texts.size() && texts[id] != joined) ++id;
    if (id == texts.size()) texts.push_back(joined);
    if (merges.find(static_cast<int>(left), static_cast<int>(right)) == nullptr)
      merges.set(static_cast<int>(left), static_cast<int>(right),
                 {static_cast<std::uint32_t>(rank), static_cast<std::int32_t>(id)});
  }
  return merges;
}

TEST(BpeMerge, HeapAndDefinitionAgree) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const int alphabet = 1 + static_cast<int>(random() % 4);
    const PairTable merges = random_merges(random, alphabet, 1 + static_cast<int>(random() % 40));
    std::vector<std::int32_t> ids(41 + random() % 200);  // long enough for the heap
    for (std::int32_t& id : ids)
      id = static_cast<std::int32_t>(random() % static_cast<unsigned>(alphabet));
    std::vector<std::int32_t> wanted = ids;
    merge_word_by_scan(wanted, merges);
    merge_word(ids, merges);
    ASSERT_EQ(ids, wanted) << "round " << round;
  }
}

TEST(BpeMerge, LeftmostOfEqualRankFirst) {
  PairTable merges;
  merges.reserve(1);
  merges.set(0, 0, {0, 1});
  std::vector<std::int32_t> ids = {0, 0, 0};
  merge_word(ids, merges);
  EXPECT_EQ(ids, (std::vector<std::int32_t>{1, 0}));
}

TEST(BpeMerge, ShortWordsStay) {
  const PairTable merges;
  std::vector<std::int32_t> ids;
  merge_word(ids, merges);
  EXPECT_TRUE(ids.empty());
  ids = {5};
  merge_word(ids, merges);
  EXPECT_EQ(ids, (std::vector<std::int32_t>{5}));
}

}  // namespace
}  // namespace msmodelslim
