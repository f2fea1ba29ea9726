#include "base/raw_vector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/usage.h"

// There if the program was built with them; both have memory of their own.
extern "C" __attribute__((weak)) void __asan_init();
extern "C" __attribute__((weak)) void __tsan_init();

namespace msmodelslim {
namespace {

TEST(RawVector, TakesNoPagesBeforeItIsWritten) {
  constexpr std::size_t kCount = 16 << 20;
  constexpr std::uint64_t kBytes = kCount * sizeof(float);
  const std::uint64_t before = private_bytes();
  RawVector<float> values(kCount);
  EXPECT_LT(private_bytes(), before + kBytes / 8);
  std::fill(values.begin(), values.end(), 1.0F);
  EXPECT_GT(private_bytes(), before + kBytes * 7 / 8);
}

TEST(RawVector, KeepsWhatItHeldWhenItGrows) {
  RawVector<int> values(100);
  std::iota(values.begin(), values.end(), 0);
  values.resize(1 << 20);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(values[static_cast<std::size_t>(i)], i);
}

TEST(RawVector, BeginsAtACacheLine) {
  for (std::size_t size : {1, 100, 1 << 20})
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(RawVector<char>(size).data()) % 64, 0U) << size;
}

// Small vectors between them stay, so that freed memory does not join.
TEST(RawVector, UsesFreedMemoryAgain) {
  if (__asan_init != nullptr || __tsan_init != nullptr)
    GTEST_SKIP() << "a sanitizer keeps freed memory";
  constexpr std::size_t kBytes = 12 << 20;
  std::vector<RawVector<char>> small;
  std::uint64_t before = 0;
  for (int i = 0; i < 20; ++i) {
    RawVector<char> large(kBytes);
    std::fill(large.begin(), large.end(), 1);
    small.emplace_back(64 << 10);
    if (i == 0) before = private_bytes();
  }
  EXPECT_LT(private_bytes(), before + 2 * kBytes);
}

TEST(RawVector, SetsTheValueThatItIsGiven) {
  EXPECT_EQ(RawVector<int>(1000, 7), RawVector<int>(1000, 7));
  RawVector<int> values;
  values.assign(1000, 7);
  EXPECT_EQ(std::count(values.begin(), values.end(), 7), 1000);
}

}  // namespace
}  // namespace msmodelslim
