// Min/max weights, symmetric or not, per channel and per group.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/error.h"
#include "quantize/weight.h"

namespace msmodelslim {
namespace {

QuantizedLinear quantize(const std::vector<float>& weight, std::int64_t out, std::int64_t in,
                         const WeightConfig& config) {
  const Tensor tensor = from_f32(weight.data(), {out, in}, DType::kF32);
  Linear linear({"model.layers.0.mlp.up_proj", in, out, false, Role::kUp, ""}, tensor.view());
  QuantizedLinear result;
  result.spec = linear.spec();
  result.type = config.bits == 4 ? LinearType::kW4A16 : LinearType::kW8A16;
  quantize_weight(config, WeightRows(linear), result);
  return result;
}

WeightConfig config_of(int bits, bool symmetric, std::int64_t group_size) {
  WeightConfig config;
  config.bits = bits;
  config.symmetric = symmetric;
  config.group_size = group_size;
  return config;
}

std::vector<float> random_weight(std::int64_t count, std::mt19937& random) {
  std::normal_distribution<float> normal(0.02F, 0.3F);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

TEST(WeightGroup, ByHand) {
  const std::vector<float> w = {0.0F, 1.5F, -0.75F, 0.3F, 2.0F, 3.0F, 1.0F, 0.0F};
  const QuantizedLinear four = quantize(w, 1, 8, config_of(4, false, 4));
  EXPECT_EQ(four.weight_scale, (std::vector<float>{0.15F, 0.2F}));  // 2.25 / 15, 3 / 15
  EXPECT_EQ(four.weight_offset, (std::vector<float>{-3, -8}));      // rne(0.75 / 0.15) - 8, -8
  const auto* q = four.codes.as<std::int8_t>();
  EXPECT_EQ((std::vector<int>(q, q + 8)), (std::vector<int>{-3, 7, -8, -1, 2, 7, -3, -8}));
  const QuantizedLinear sym = quantize(w, 1, 8, config_of(4, true, 4));
  EXPECT_EQ(sym.weight_scale, (std::vector<float>{1.5F / 7, 3.0F / 7}));
  EXPECT_TRUE(sym.weight_offset.empty());
}

// Half a step at most, a whole one beside the ends: rounding the offset moves the range.
TEST(WeightGroup, ErrorIsBelowTheStep) {
  std::mt19937 random(5);
  struct Size {
    std::int64_t out, in, group;
  };
  for (const Size size : {Size{1, 1, 1}, Size{1, 96, 32}, Size{5, 63, 7}, Size{33, 65, 13},
                          Size{7, 40, 0}, Size{17, 128, 128}})
    for (int bits : {4, 8})
      for (bool symmetric : {true, false}) {
        const auto w = random_weight(size.out * size.in, random);
        const QuantizedLinear q =
            quantize(w, size.out, size.in, config_of(bits, symmetric, size.group));
        ASSERT_EQ(q.weight_scale.size(), static_cast<std::size_t>(size.out * q.groups()));
        std::vector<float> back(w.size());
        dequantize_weight(q, back.data());
        const std::int64_t width = size.in / q.groups();
        for (std::size_t i = 0; i < w.size(); ++i) {
          const float step = q.weight_scale[i / static_cast<std::size_t>(width)];
          EXPECT_LE(std::fabs(back[i] - w[i]), step * (symmetric ? 0.5001F : 1.0001F));
        }
        const float half = bits == 8 ? 128.0F : 8.0F;
        for (float offset : q.weight_offset) {
          EXPECT_EQ(offset, std::nearbyint(offset));
          EXPECT_TRUE(offset >= -half && offset < half);
        }
      }
}

TEST(WeightGroup, AGroupIsALinearOfItsOwn) {
  std::mt19937 random(6);
  const auto w = random_weight(3 * 64, random);
  const QuantizedLinear whole = quantize(w, 3, 64, config_of(4, false, 16));
  const QuantizedLinear apart = quantize(w, 12, 16, config_of(4, false, 0));
  EXPECT_EQ(whole.weight_scale, apart.weight_scale);
  EXPECT_EQ(whole.weight_offset, apart.weight_offset);
  for (std::int64_t i = 0; i < whole.codes.count(); ++i)
    EXPECT_EQ(whole.codes.as<std::int8_t>()[i], apart.codes.as<std::int8_t>()[i]);
}

TEST(WeightGroup, ZerosStayZero) {
  for (bool symmetric : {true, false}) {
    const QuantizedLinear q = quantize(std::vector<float>(64), 2, 32, config_of(4, symmetric, 16));
    std::vector<float> back(64, 1.0F);
    dequantize_weight(q, back.data());
    EXPECT_EQ(back, std::vector<float>(64));
    for (float scale : q.weight_scale) EXPECT_GT(scale, 0.0F);
  }
}

TEST(WeightGroup, InfinityIsAnError) {
  std::vector<float> w(64);
  w[63] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(quantize(w, 2, 32, config_of(4, true, 16)), DataError);
}

// A scale rounded down to bfloat16 would give the offset 128 for all-negative values.
TEST(WeightGroup, OffsetsAreCodesWhateverTheScaleIsRoundedTo) {
  bool reached = false;
  for (int i = 1; i < 2000; ++i) {
    const float low = -static_cast<float>(i) / 777.0F;
    for (int bits : {4, 8}) {
      const QuantParam param = integer_param(low, 0.0F, false, bits, DType::kBF16);
      const float highest = bits == 8 ? 127.0F : 7.0F;
      EXPECT_LE(param.offset, highest);
      reached |= std::nearbyint(-low / param.scale) > 2 * highest + 1;
    }
  }
  EXPECT_TRUE(reached);
}

}  // namespace
}  // namespace msmodelslim
