#include "quantize/closed_weight.h"

#include <gtest/gtest.h>

namespace msmodelslim {
namespace {

// 2 rows of 4; as large values: 8 in the first, 4 in the second.
const std::vector<float> kWeight = {1, -2, 8, 0.5F, 4, 3, -1, 0};

WeightRows rows_of(const std::vector<float>& values) {
  return WeightRows(
      TensorView{DType::kF32, {2, 4}, reinterpret_cast<const std::byte*>(values.data())});
}

QuantizedLinear quantized(const WeightConfig& config, LinearType type) {
  QuantizedLinear linear;
  linear.spec.name = std::string("linear");
  linear.spec.out = 2;
  linear.spec.in = 4;
  linear.type = type;
  quantize_weight(config, rows_of(kWeight), linear);
  return linear;
}

TEST(ClosedWeight, CoSparseTakesTheShareOfTheWholeTensor) {
  WeightConfig config;
  config.method = "co_sparse";
  config.fraction = 0.25;  // two of eight: the smaller, 4, belongs to the bulk
  const QuantizedLinear linear = quantized(config, LinearType::kW8A8S);
  EXPECT_FLOAT_EQ(linear.weight_scale[0], 2.0F / 7);
  EXPECT_FLOAT_EQ(linear.weight_scale[1], 4.0F / 7);
  EXPECT_EQ(linear.codes.as<std::int8_t>()[2], 28);  // the outlier keeps 8 bits
}

TEST(ClosedWeight, LowbitTakesTheShareOfEveryRow) {
  WeightConfig config;
  config.method = "lowbit";
  config.fraction = 0.5;
  const QuantizedLinear linear = quantized(config, LinearType::kW8A8S);
  EXPECT_FLOAT_EQ(linear.weight_scale[0], 2.0F / 7);
  EXPECT_FLOAT_EQ(linear.weight_scale[1], 3.0F / 7);
  config.fraction = 0.01;  // less than one value
  EXPECT_FLOAT_EQ(quantized(config, LinearType::kW8A8S).weight_scale[0], 8.0F / 7);
}

TEST(ClosedWeight, LowbitBySigmaMeasuresTheDeviationOfTheSizes) {
  WeightConfig config;
  config.method = "lowbit";
  config.sigma_factor = 2.5;  // of 3.473 and 1.826: nothing is out; 2.5 biased ones end below the 8
  QuantizedLinear linear = quantized(config, LinearType::kW8A8S);
  EXPECT_FLOAT_EQ(linear.weight_scale[0], 8.0F / 7);
  EXPECT_FLOAT_EQ(linear.weight_scale[1], 4.0F / 7);
  config.sigma_factor = 1;
  linear = quantized(config, LinearType::kW8A8S);
  EXPECT_FLOAT_EQ(linear.weight_scale[0], 2.0F / 7);
  EXPECT_FLOAT_EQ(linear.weight_scale[1], 1.0F / 7);
}

TEST(ClosedWeight, OneScaleForTheTensor) {
  WeightConfig config;
  config.per_tensor = true;
  const QuantizedLinear linear = quantized(config, LinearType::kW8A8);
  EXPECT_TRUE(linear.tensor_scale);
  EXPECT_FLOAT_EQ(linear.weight_scale[0], 8.0F / 127);
  EXPECT_EQ(linear.weight_scale[0], linear.weight_scale[1]);
}

TEST(ClosedWeight, TwoLevels) {
  WeightConfig config;
  config.method = "two_level";
  config.bits = 4;
  config.group_size = 2;
  const QuantizedLinear linear = quantized(config, LinearType::kW4A8Dynamic);
  EXPECT_FLOAT_EQ(linear.row_scale[0], 8.0F / 119);
  EXPECT_EQ(linear.group_scale[0], 4.0F);   // |q8| up to 30
  EXPECT_EQ(linear.group_scale[1], 17.0F);  // up to 119
  EXPECT_EQ(linear.codes.as<std::int8_t>()[2], 7);
  EXPECT_FLOAT_EQ(linear.weight_scale[1], 17.0F * 8 / 119);
}

TEST(ClosedWeight, HqqHasHalfScales) {
  WeightConfig config;
  config.method = "hqq";
  const QuantizedLinear linear = quantized(config, LinearType::kW8A16);
  EXPECT_TRUE(linear.half_scale);
  EXPECT_EQ(linear.weight_scale[0], round_to_dtype(8.0F / 127, DType::kF16));
}

}  // namespace
}  // namespace msmodelslim
