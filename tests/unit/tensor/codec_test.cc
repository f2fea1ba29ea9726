#include "tensor/codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/tensor.h"

namespace msmodelslim {
namespace {

TEST(Codec, EveryHalfSurvivesTheRoundTrip) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = f16_to_f32(half);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
    else
      EXPECT_EQ(f32_to_f16(value), half) << bits;
  }
}

TEST(Codec, EveryBfloat16SurvivesTheRoundTrip) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto brain = static_cast<std::uint16_t>(bits);
    const float value = bf16_to_f32(brain);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(round_to_bf16(value)));
    else
      EXPECT_EQ(f32_to_bf16(value), brain) << bits;
  }
}

TEST(Codec, RoundsToNearestEven) {
  EXPECT_EQ(round_to_bf16(1.00390625F), 1.0F);       // tie: 1 + 2^-8, even mantissa below
  EXPECT_EQ(round_to_bf16(1.01171875F), 1.015625F);  // tie: even mantissa above
  EXPECT_EQ(round_to_f16(1.00048828125F), 1.0F);     // tie: 1 + 2^-11
  EXPECT_EQ(round_to_f16(65520.0F), std::numeric_limits<float>::infinity());
  EXPECT_EQ(round_to_f16(65519.0F), 65504.0F);
  EXPECT_EQ(round_to_f16(0x1p-25F), 0.0F);  // tie of the smallest subnormal goes to 0
  EXPECT_EQ(round_to_f16(0x1.8p-24F), 0x1p-23F);
}

TEST(Codec, Fp8E4M3) {
  for (unsigned bits = 0; bits < 256; ++bits) {
    const float value = e4m3_to_f32(static_cast<std::uint8_t>(bits));
    if (std::isnan(value))
      EXPECT_EQ(bits & 0x7fU, 0x7fU);
    else
      EXPECT_EQ(f32_to_e4m3(value), bits);
  }
  EXPECT_EQ(e4m3_to_f32(0x01), 0x1p-9F);
  EXPECT_EQ(e4m3_to_f32(0x7e), 448.0F);
  EXPECT_EQ(e4m3_to_f32(f32_to_e4m3(22.5F)), 22.0F);    // tie: even mantissa below
  EXPECT_EQ(e4m3_to_f32(f32_to_e4m3(15.75F)), 16.0F);   // carries into the exponent
  EXPECT_EQ(e4m3_to_f32(f32_to_e4m3(0x1p-10F)), 0.0F);  // tie of the smallest subnormal
  EXPECT_EQ(e4m3_to_f32(f32_to_e4m3(-1000.0F)), -448.0F);
  EXPECT_EQ(f32_to_e4m3(std::numeric_limits<float>::quiet_NaN()) & 0x7f, 0x7f);
}

TEST(Tensor, ConvertsFloatsAndRefusesIntegers) {
  const std::vector<float> values = {1.5F, -2.25F, 0.0F};
  for (DType dtype : {DType::kF16, DType::kBF16, DType::kF32}) {
    const Tensor stored = from_f32(values.data(), {3}, dtype);
    const Tensor back = to_f32(stored.view());
    for (int i = 0; i < 3; ++i) EXPECT_EQ(back.as<float>()[i], values[static_cast<std::size_t>(i)]);
  }
  const Tensor integers(DType::kI32, {3});
  EXPECT_ANY_THROW(to_f32(integers.view()));
}

}  // namespace
}  // namespace msmodelslim
