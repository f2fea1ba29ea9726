#include "checkpoint/pack_int32.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace msmodelslim {
namespace {

Tensor codes_of(const std::vector<int>& values, const Shape& shape) {
  Tensor codes(DType::kI8, shape);
  for (std::size_t i = 0; i < values.size(); ++i)
    codes.as<std::int8_t>()[i] = static_cast<std::int8_t>(values[i]);
  return codes;
}

TEST(PackInt32, TheFirstCodeIsLowestAndEveryCodeIsShifted) {
  const Tensor four = pack_rows_int32(codes_of({-8, -7, 0, 7, 1, 2, 3, 4, 5}, {1, 9}), 4);
  EXPECT_EQ(four.shape(), (Shape{1, 2}));
  EXPECT_EQ(four.as<std::uint32_t>()[0], 0xCBA9F810U);
  EXPECT_EQ(four.as<std::uint32_t>()[1], 0x0000000DU);
  const Tensor eight = pack_rows_int32(codes_of({-128, 127, 0, -1, 5}, {1, 5}), 8);
  EXPECT_EQ(eight.shape(), (Shape{1, 2}));
  EXPECT_EQ(eight.as<std::uint32_t>()[0], 0x7F80FF00U);
  EXPECT_EQ(eight.as<std::uint32_t>()[1], 0x00000085U);
}

TEST(PackInt32, ColumnsAreRowsOfTheTransposedMatrix) {
  const Tensor packed = pack_columns_int32(codes_of({-8, 7, -7, 6, -6, 5}, {3, 2}), 4);
  EXPECT_EQ(packed.shape(), (Shape{1, 2}));
  EXPECT_EQ(packed.as<std::uint32_t>()[0], 0x210U);
  EXPECT_EQ(packed.as<std::uint32_t>()[1], 0xDEFU);
}

TEST(PackInt32, UnpackingGivesTheCodesBack) {
  std::mt19937 random(3);
  for (int bits : {4, 8})
    for (const Shape& shape :
         {Shape{1, 1}, Shape{3, 8}, Shape{17, 33}, Shape{9, 65}, Shape{0, 4}}) {
      std::uniform_int_distribution<int> code(-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
      std::vector<int> values(static_cast<std::size_t>(element_count(shape)));
      for (int& value : values) value = code(random);
      const Tensor codes = codes_of(values, shape);
      const Tensor rows = unpack_rows_int32(pack_rows_int32(codes, bits).view(), bits, shape);
      const Tensor columns =
          unpack_columns_int32(pack_columns_int32(codes, bits).view(), bits, shape);
      EXPECT_EQ(std::memcmp(rows.bytes(), codes.bytes(), codes.byte_size()), 0);
      EXPECT_EQ(std::memcmp(columns.bytes(), codes.bytes(), codes.byte_size()), 0);
    }
}

}  // namespace
}  // namespace msmodelslim
