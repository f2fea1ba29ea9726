// Worked examples of the reference (T-nn: quantizers.md) and bounds of the error.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "quantize/linear_quantizer.h"

namespace msmodelslim {
namespace {

constexpr DType kF32 = DType::kF32;

LinearSpec spec_of(std::int64_t out, std::int64_t in) {
  return {"model.layers.0.mlp.gate_proj", in, out, false, Role::kGate, ""};
}

QuantizedLinear quantize(const std::vector<float>& weight, std::int64_t out, std::int64_t in,
                         const WeightConfig& config) {
  const Tensor tensor = from_f32(weight.data(), {out, in}, kF32);
  Linear linear(spec_of(out, in), tensor.view());
  QuantizedLinear result;
  result.spec = linear.spec();
  quantize_weight(config, WeightRows(linear), result);
  return result;
}

std::vector<int> codes(const QuantizedLinear& linear) {
  const auto* data = linear.codes.as<std::int8_t>();
  return {data, data + linear.codes.count()};
}

TEST(IntegerParam, T01PerTensor) {
  const QuantParam symmetric = integer_param(-1.0F, 3.0F, true, 8, kF32);
  EXPECT_EQ(symmetric.scale, 0.023622047156095505F);
  const QuantParam asymmetric = integer_param(-1.0F, 3.0F, false, 8, kF32);
  EXPECT_EQ(asymmetric.scale, 0.01568627543747425F);
  EXPECT_EQ(asymmetric.offset, -64.0F);
}

TEST(IntegerParam, ZeroRangeGivesTheSmallestScale) {
  EXPECT_EQ(integer_param(0.0F, 0.0F, true, 8, kF32).scale, 0x1p-23F);
  EXPECT_EQ(integer_param(0.0F, 0.0F, false, 8, kF32).offset, -128.0F);
  EXPECT_GT(integer_param(0.0F, 0.0F, true, 8, DType::kF16).scale, 0.0F);
}

TEST(IntegerParam, ScalesAreRoundedToTheModelsDtype) {
  const QuantParam param = integer_param(-0.400390625F, 0.3F, true, 8, DType::kBF16);
  EXPECT_EQ(param.scale, 0.0031585693359375F);  // T-04
}

TEST(WeightMinmax, T02) {
  const std::vector<float> w = {0.11F, -0.23F, 0.31F, -0.4F, 1.0F, 2.1F, -3.0F, 0.0F};
  const QuantizedLinear eight = quantize(w, 2, 4, {8, "minmax", 0, kF32});
  EXPECT_EQ(eight.weight_scale,
            (std::vector<float>{0.0031496062874794006F, 0.023622047156095505F}));
  EXPECT_EQ(codes(eight), (std::vector<int>{35, -73, 98, -127, 42, 89, -127, 0}));
  const QuantizedLinear four = quantize(w, 2, 4, {4, "minmax", 0, kF32});
  EXPECT_EQ(codes(four), (std::vector<int>{2, -4, 5, -7, 2, 5, -7, 0}));
}

TEST(WeightSsz, T17) {
  const std::vector<float> w = {0.9F, -0.33F, 0.51F, 0.08F, 2.0F, 1.1F, -0.7F, 0.35F};
  const QuantizedLinear four = quantize(w, 2, 4, {4, "ssz", 50, kF32});
  EXPECT_EQ(codes(four), (std::vector<int>{7, -3, 4, 1, 7, 4, -2, 1}));
  EXPECT_NEAR(four.weight_scale[0], 0.12546665966510773F, 1e-7);
  EXPECT_NEAR(four.weight_scale[1], 0.28785714507102966F, 1e-7);
  const QuantizedLinear eight = quantize({0.9F, -0.33F, 0.51F, 0.08F}, 1, 4, {8, "ssz", 50, kF32});
  EXPECT_EQ(codes(eight), (std::vector<int>{127, -47, 72, 11}));
  EXPECT_NEAR(eight.weight_scale[0], 0.0070807430893182755F, 1e-8);
}

TEST(WeightSsz, KeepsAnAllZeroRow) {
  const QuantizedLinear zero = quantize({0, 0, 0, 0}, 1, 4, {4, "ssz", 50, kF32});
  EXPECT_EQ(zero.weight_scale[0], 0x1p-23F);
  EXPECT_EQ(codes(zero), (std::vector<int>{0, 0, 0, 0}));
}

TEST(WeightMinmax, ErrorStaysWithinHalfAStep) {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  std::vector<float> w(64 * 96);
  for (float& value : w) value = normal(generator);
  const QuantizedLinear q = quantize(w, 64, 96, {8, "minmax", 0, kF32});
  std::vector<float> back(w.size());
  dequantize_weight(q, back.data());
  for (std::size_t i = 0; i < w.size(); ++i)
    EXPECT_LE(std::fabs(w[i] - back[i]), q.weight_scale[i / 96] * 0.50001F);
}

TEST(WeightMinmax, RefusesNanAndNamesTheTensor) {
  for (float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    try {
      quantize({1, 2, bad, 4}, 1, 4, {8, "minmax", 0, kF32});
      FAIL();
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find("model.layers.0.mlp.gate_proj.weight"),
                std::string::npos);
    }
  }
}

TEST(RunningRange, T09AndTheRunningMean) {
  RunningRange largest(RangeAggregation::kMax);
  RunningRange mean(RangeAggregation::kMean);
  RunningRange running(RangeAggregation::kRunningMean);
  for (MinMax sample : {MinMax{-1, 2}, MinMax{-3, 5}}) {
    largest.update(sample);
    mean.update(sample);
    running.update(sample);
  }
  EXPECT_EQ(largest.range().min, -3);
  EXPECT_EQ(largest.range().max, 5);
  EXPECT_EQ(mean.range().min, -2);
  EXPECT_EQ(mean.range().max, 3.5F);
  EXPECT_EQ(running.range().max, 3.5F);
}

// T-10: sample 2 is quantized with the range of samples 1 and 2.
TEST(LinearQuantizer, T10RunningRange) {
  const std::vector<float> eye = {1, 0, 0, 1};
  const Tensor weight = from_f32(eye.data(), {2, 2}, kF32);
  Linear linear(spec_of(2, 2), weight.view());
  LinearConfig config;
  config.type = LinearType::kW8A8;
  config.act = ActKind::kStatic;
  config.act_symmetric = false;
  LinearQuantizer quantizer(config, linear);
  const std::vector<float> x = {-1.0F, 0.5F, -0.2F, 3.0F};
  std::vector<float> y(4);
  quantizer.forward(x.data(), 2, {{0, 1, 0}, {1, 1, 0}}, y.data());
  EXPECT_NEAR(y[2], -0.20392159F, 1e-6);
  EXPECT_NEAR(y[3], 2.99607849F, 1e-6);
  const QuantizedLinear done = quantizer.finish();
  EXPECT_EQ(done.input.scale, 0.01568627543747425F);
  EXPECT_EQ(done.input.offset, -64.0F);
}

TEST(LinearQuantizer, NoTokenIsAnError) {
  const std::vector<float> eye = {1, 0, 0, 1};
  const Tensor weight = from_f32(eye.data(), {2, 2}, kF32);
  Linear linear(spec_of(2, 2), weight.view());
  LinearConfig config;
  config.act = ActKind::kStatic;
  EXPECT_THROW(LinearQuantizer(config, linear).finish(), DataError);
}

}  // namespace
}  // namespace msmodelslim
