#include "base/huge_buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace msmodelslim {
namespace {

TEST(HugeBuffer, GivesZerosThatBeginAtACacheLineAndDoNotOverlap) {
  HugeBuffer buffer;
  std::byte* end = nullptr;
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{4096}}) {
    auto* data = static_cast<std::byte*>(buffer.take(size));
    ASSERT_NE(data, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % 64, 0U);
    EXPECT_GE(data, end);
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(data[i], std::byte{0});
    std::memset(data, 7, size);
    end = data + size;
  }
}

TEST(HugeBuffer, WhatItGaveStaysWhenItMapsMore) {
  HugeBuffer buffer;
  auto* first = static_cast<std::byte*>(buffer.take(64));
  *first = std::byte{9};
  auto* large =
      static_cast<std::byte*>(buffer.take(std::size_t{80} << 20));  // more than is mapped at once
  ASSERT_NE(large, nullptr);
  large[(std::size_t{80} << 20) - 1] = std::byte{1};
  EXPECT_EQ(*first, std::byte{9});
}

TEST(HugeBuffer, MoreThanThereCanBeIsNull) {
  HugeBuffer buffer;
  EXPECT_EQ(buffer.take(std::size_t{1} << 62), nullptr);
  EXPECT_NE(buffer.take(64), nullptr);
}

}  // namespace
}  // namespace msmodelslim
