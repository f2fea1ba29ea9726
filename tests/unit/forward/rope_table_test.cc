#include "forward/rope_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "base/usage.h"

namespace msmodelslim {
namespace {

RopeSpec spec_of(RopeKind kind, std::int64_t dim) {
  RopeSpec rope;
  rope.kind = kind;
  rope.dim = dim;
  rope.theta = 500000;
  rope.factor = 4;
  rope.max_position = 512;
  rope.original_max_position = 256;
  rope.short_factor.assign(static_cast<std::size_t>(dim / 2), 1.25);
  rope.long_factor.assign(static_cast<std::size_t>(dim / 2), 3.5);
  return rope;
}

void expect_line(const RopeTable& table, const RopeFrequencies& of, std::int64_t position) {
  const RopeLines lines = table.before(position + 1);
  for (std::int64_t i = 0; i < table.half(); ++i) {
    const float angle = static_cast<float>(position) * of.inverse.at(static_cast<std::size_t>(i));
    const float cos = static_cast<float>(std::cos(static_cast<double>(angle)));
    const float sin = static_cast<float>(std::sin(static_cast<double>(angle)));
    ASSERT_EQ(lines.cos[position * table.half() + i], cos * of.attention_factor) << position;
    ASSERT_EQ(lines.sin[position * table.half() + i], sin * of.attention_factor) << position;
  }
}

TEST(RopeTable, LinesOfEveryKindAreThoseOfItsLengthInWhateverOrder) {
  for (const RopeKind kind : {RopeKind::kDefault, RopeKind::kLinear, RopeKind::kDynamic,
                              RopeKind::kYarn, RopeKind::kLlama3, RopeKind::kLongRope})
    for (const std::int64_t length : {200, 2000}) {
      const RopeSpec rope = spec_of(kind, 24);
      const RopeTable table(rope, length);
      for (const std::int64_t position : {length / 2, std::int64_t{0}, length - 1, length / 3})
        expect_line(table, rope_frequencies(rope, length), position);
    }
}

TEST(RopeTable, ShortSequencesOfLongropeAndWindowsHaveTheirOwnLines) {
  RopeSpec rope = spec_of(RopeKind::kLongRope, 16);
  rope.local_theta = 10000;
  rope.local_dim = 8;
  const RopeTable table(rope, 1000);
  EXPECT_EQ(&table.of_length(257), &table);
  expect_line(table.of_length(256), rope_frequencies(rope, 256), 100);
  RopeSpec local;
  local.dim = 8;
  local.theta = 10000;
  expect_line(table.local(), rope_frequencies(local, 1000), 999);
}

TEST(RopeTable, AMillionPositionsCostWhatIsUsedOfThem) {
  const std::uint64_t before = private_bytes();
  const RopeTable table(spec_of(RopeKind::kYarn, 128), 1 << 20);  // 512 MB in full
  expect_line(table, rope_frequencies(spec_of(RopeKind::kYarn, 128), 1 << 20), 3000);
  EXPECT_LT(private_bytes(), before + (std::uint64_t{16} << 20));
}

TEST(RopeTable, ThreadsThatAskAtOnceReadWholeLines) {
  const RopeSpec rope = spec_of(RopeKind::kDefault, 8);
  const RopeTable table(rope, 20000);
  const RopeFrequencies of = rope_frequencies(rope, 20000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::int64_t p = t; p < 20000; p += 97) expect_line(table, of, p);
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace msmodelslim
