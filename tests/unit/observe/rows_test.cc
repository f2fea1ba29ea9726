#include "observe/rows.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace msmodelslim {
namespace {

std::vector<Sequence> samples_of(const std::vector<std::int64_t>& lengths) {
  std::vector<Sequence> samples;
  std::int64_t begin = 0;
  for (std::int64_t rows : lengths) {
    samples.push_back({begin, rows, 0});
    begin += rows;
  }
  return samples;
}

std::int64_t count_of(const RowChoice& choice) {
  return std::count(choice.begin(), choice.end(), true);
}

TEST(RowChoice, SpreadsRowsEvenly) {
  const auto samples = samples_of({5, 1, 14});
  EXPECT_EQ(count_of(spread_rows(samples, 100)), 20);
  EXPECT_EQ(count_of(spread_rows(samples, 20)), 20);
  const RowChoice half = spread_rows(samples, 10);
  EXPECT_EQ(count_of(half), 10);
  for (std::size_t i = 0; i < half.size(); i += 2) EXPECT_NE(half[i], half[i + 1]) << i;
  EXPECT_EQ(count_of(spread_rows(samples, 1)), 1);
  EXPECT_TRUE(spread_rows({}, 4).empty());
}

TEST(RowChoice, TakesWholeSamples) {
  const auto samples = samples_of({5, 5, 5, 5});
  const RowChoice choice = spread_samples(samples, 11);
  EXPECT_EQ(count_of(choice), 10);
  const auto chosen = chosen_samples(samples, choice);
  ASSERT_EQ(chosen.size(), 2U);
  EXPECT_EQ(chosen[0].begin, 0);
  EXPECT_EQ(chosen[1].begin, 5);
  EXPECT_EQ(count_of(spread_samples(samples, 1)), 5) << "at least one";
  EXPECT_EQ(chosen_samples(samples, spread_samples(samples, 20)).size(), 4U);
}

TEST(RowsTap, KeepsTheChosenRowsOverChunks) {
  const Tensor weight(DType::kF32, {1, 2});
  const Linear linear({"l", 2, 1, false, Role::kQuery, ""}, weight.view());
  RowsTap rows({"l"}, {true, false, true, true});
  MeanTap means({"l"});
  const std::vector<float> x = {1, -2, 3, 4, 5, -6, 7, 8};
  for (Tap* tap : std::vector<Tap*>{&rows, &means}) {
    EXPECT_TRUE(tap->wants(linear));
    tap->see(linear, x.data(), 3, {});
    tap->see(linear, x.data() + 6, 1, {});
    tap->see(linear, x.data(), 0, {});
  }
  EXPECT_EQ(rows.rows("l"), (std::vector<float>{1, -2, 5, -6, 7, 8}));
  EXPECT_EQ(means.mean("l"), (std::vector<float>{4, 5}));
}

}  // namespace
}  // namespace msmodelslim
