// Worked examples of the reference (T-nn: quantizers.md) for fp8 and the MX formats.
#include "quantize/mx.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/error.h"
#include "quantize/weight.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

QuantizedLinear quantize(const std::vector<float>& weight, std::int64_t out, LinearType type,
                         const WeightConfig& config) {
  const auto in = static_cast<std::int64_t>(weight.size()) / out;
  const Tensor tensor = from_f32(weight.data(), {out, in}, DType::kF32);
  Linear linear({"model.layers.0.mlp.gate_proj", in, out, false, Role::kGate, ""}, tensor.view());
  QuantizedLinear result;
  result.spec = linear.spec();
  result.type = type;
  quantize_weight(config, WeightRows(linear), result);
  return result;
}

std::vector<float> restored(const QuantizedLinear& linear) {
  std::vector<float> values(static_cast<std::size_t>(linear.spec.in * linear.spec.out));
  dequantize_weight(linear, values.data());
  return values;
}

WeightConfig method(const std::string& name) {
  WeightConfig config;
  config.method = name;
  return config;
}

std::vector<float> fake(MxElement element, const std::vector<float>& x) {
  std::vector<float> out(x.size());
  mx_fake_quantize(element, x.data(), out.data(), static_cast<std::int64_t>(x.size()));
  return out;
}

TEST(Fp8, T06PerChannel) {
  const QuantizedLinear result =
      quantize({0.1F, -0.25F, 1, -2}, 1, LinearType::kFp8Dynamic, method("minmax"));
  EXPECT_EQ(result.weight_scale, std::vector<float>{0.004464285913854837F});
  const std::vector<float> codes = {22, -56, 224, -448};
  for (std::size_t i = 0; i < codes.size(); ++i)
    EXPECT_EQ(e4m3_to_f32(result.codes.as<std::uint8_t>()[i]), codes[i]);
}

TEST(Mxfp8, T07) {
  EXPECT_EQ(fake(MxElement::kFp8, {0.3F, -1.7F, 0.01F, 5.9F, -0.002F, 0, 1, 2.49F}),
            (std::vector<float>{0.3125F, -1.75F, 0.009765625F, 6, -0.001953125F, 0, 1, 2.5F}));
  EXPECT_EQ(fake(MxElement::kFp8, {7.9F, 0.5F, -7.3F, 0.013F}),
            (std::vector<float>{7, 0.5F, -7, 0.0126953125F}));
  EXPECT_EQ(mx_exponent(MxElement::kFp8, 0), -127);
}

TEST(Mxfp4, T08) {
  EXPECT_EQ(fake(MxElement::kFp4, {0.3F, -1.7F, 0.01F, 5.9F, -0.002F, 0, 1, 2.5F}),
            (std::vector<float>{0.5F, -1.5F, 0, 6, -0.0F, 0, 1, 3}));
  EXPECT_EQ(mx_exponent(MxElement::kFp4, 6.9F), 0);
  EXPECT_EQ(mx_exponent(MxElement::kFp4, 7.0F), 1);
  EXPECT_EQ(mx_exponent(MxElement::kFp4, 3.49F), -1);
  EXPECT_EQ(mx_exponent(MxElement::kFp4, 3.5F), 0);
  EXPECT_EQ(mx_exponent(MxElement::kFp4, 0), -22);
}

TEST(Mxfp4, CodesOfEveryGridValue) {
  for (int code = 0; code < 16; ++code)
    EXPECT_EQ(fp4_code(fp4_value(static_cast<std::uint8_t>(code))), code);
}

TEST(Mxfp8, T20MseRound) {
  const QuantizedLinear up =
      quantize({7.9F, .5F, -7.3F, .013F}, 1, LinearType::kMxFp8, method("mse_round"));
  EXPECT_EQ(up.exponents[0], 127 - 5);
  EXPECT_EQ(restored(up), (std::vector<float>{8, .5F, -7.5F, .0126953125F}));
  EXPECT_EQ(
      quantize({5, .3F, -1.1F, .02F}, 1, LinearType::kMxFp8, method("mse_round")).exponents[0],
      127 - 6);
}

TEST(Mxfp4, T21CeilX) {
  EXPECT_EQ(mx_ceil_exponent(5.9F, 7.25), 0);
  EXPECT_EQ(mx_ceil_exponent(7.0F, 7.25), 0);
  EXPECT_EQ(mx_ceil_exponent(7.25F, 7.25), 1);
  EXPECT_EQ(mx_ceil_exponent(3.6F, 7.25), -1);
  EXPECT_EQ(mx_ceil_exponent(14.5F, 7.25), 2);
  EXPECT_EQ(mx_ceil_exponent(0, 7.25), -19);
  const std::vector<float> x = {7, -.6F, 1.3F, 3.1F};
  EXPECT_EQ(restored(quantize(x, 1, LinearType::kMxFp4, method("ceil_x"))),
            (std::vector<float>{6, -.5F, 1.5F, 3}));
  WeightConfig search = method("ceil_x");
  search.ceil_search = true;
  EXPECT_EQ(restored(quantize(x, 1, LinearType::kMxFp4, search)),
            (std::vector<float>{6, -.5F, 1.5F, 3}));
}

TEST(Mxfp4, T22FourOverSix) {
  EXPECT_EQ(restored(quantize({7, 3.4F, -2.2F, .4F}, 1, LinearType::kMxFp4, method("fouroversix"))),
            (std::vector<float>{6, 3, -2, .5F}));
}

TEST(Mxfp4, T23DualScale) {
  WeightConfig config = method("dualscale");
  config.dual_block = 8;
  const QuantizedLinear result =
      quantize({12, -3, .5F, .02F, -7.5F, 1.1F, 2.2F, -.3F}, 1, LinearType::kMxFp4Dual, config);
  EXPECT_EQ(result.dual_scale, std::vector<float>{2});
  EXPECT_EQ(restored(result), (std::vector<float>{12, -3, 1, 0, -8, 1, 2, -0.0F}));
  const QuantizedLinear zero =
      quantize(std::vector<float>(8, 0.0F), 1, LinearType::kMxFp4Dual, config);
  EXPECT_EQ(restored(zero), std::vector<float>(8, 0.0F));
}

// Shapes with a short last block, an all-zero row, one row.
TEST(Mx, ErrorStaysWithinTheGrid) {
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  for (std::int64_t in : {2, 32, 34, 70})
    for (LinearType type : {LinearType::kMxFp8, LinearType::kMxFp4, LinearType::kFp8Dynamic}) {
      std::vector<float> w(static_cast<std::size_t>(3 * in));
      for (std::size_t i = static_cast<std::size_t>(in); i < w.size(); ++i)
        w[i] = normal(generator);
      const std::vector<float> back = restored(quantize(w, 3, type, method("minmax")));
      // Half a step of the largest binade, and the clamping behind it.
      const float bound = type == LinearType::kMxFp4 ? 0.26F : 0.13F;
      float largest = 0;
      for (float value : w) largest = std::max(largest, std::fabs(value));
      for (std::size_t i = 0; i < w.size(); ++i)
        ASSERT_LE(std::fabs(back[i] - w[i]), bound * largest);
      for (std::int64_t i = 0; i < in; ++i) ASSERT_EQ(back[static_cast<std::size_t>(i)], 0.0F);
    }
}

TEST(Mx, DamagedOrOddWeightsAreErrors) {
  std::vector<float> w(32, 1.0F);
  w[7] = std::numeric_limits<float>::infinity();
  for (LinearType type : {LinearType::kMxFp8, LinearType::kMxFp4, LinearType::kFp8Dynamic})
    EXPECT_THROW(quantize(w, 1, type, method("minmax")), DataError);
  EXPECT_THROW(quantize(std::vector<float>(33, 1.0F), 1, LinearType::kMxFp4, method("minmax")),
               DataError);
}

}  // namespace
}  // namespace msmodelslim
