// Worked examples T-24 and T-25 of the quantizers reference, and what holds for any weight.
#include "quantize/learned_linear.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "base/error.h"

namespace msmodelslim {
namespace {

const std::vector<float> kT17 = {0.9F, -0.33F, 0.51F, 0.08F, 2.0F, 1.1F, -0.7F, 0.35F};

struct Learned {
  Tensor tensor;
  Linear linear;
  LearnedLinear learned;
  Learned(const std::vector<float>& w, std::int64_t out, std::int64_t in,
          const LearnedRounding& rounding)
      : tensor(from_f32(w.data(), {out, in}, DType::kF32)),
        linear({"model.layers.0.mlp.gate_proj", in, out, false, Role::kGate, ""}, tensor.view()),
        learned(rounding, linear, DType::kF32) {}

  // What has been kept.
  QuantizedLinear finish() {
    QuantizedLinear result;
    result.spec = linear.spec();
    result.type = LinearType::kW4A4Dynamic;
    std::move(learned).finish(result);
    return result;
  }
};

std::vector<int> codes(const QuantizedLinear& linear) {
  const auto* data = linear.codes.as<std::int8_t>();
  return {data, data + linear.codes.count()};
}

std::vector<float> output(const LearnedLinear& learned, const std::vector<float>& x,
                          std::int64_t out) {
  std::vector<float> y(static_cast<std::size_t>(out));
  learned.weight().multiply(x.data(), 1, nullptr, y.data());
  return y;
}

TEST(LearnedLinear, T24StartsAtPlainRounding) {
  Learned l(kT17, 2, 4, {});
  const QuantizedLinear result = l.finish();
  EXPECT_EQ(result.weight_scale, (std::vector<float>{0.12890625F, 0.28515625F}));
  EXPECT_EQ(codes(result), (std::vector<int>{7, -3, 4, 1, 7, 4, -2, 1}));
}

TEST(LearnedLinear, T25OneStep) {
  Learned l(kT17, 2, 4, {});
  const std::vector<float> x = {1, .5F, -.25F, 2};
  const auto y = output(l.learned, x, 2);
  EXPECT_FLOAT_EQ(y[0], 0.837890625F);
  EXPECT_FLOAT_EQ(y[1], 3.279296875F);
  const std::vector<float> dy = {1, -1};  // sign(y - float output)
  l.learned.add_gradient(x.data(), dy.data(), 1);
  l.learned.step(1);
  l.learned.keep();
  const QuantizedLinear result = l.finish();
  // V = [[-.5,-.5,.5,-.5],[.5,.5,-.5,.5]], max_scale = .5, whose bfloat16 scales these are.
  EXPECT_EQ(result.weight_scale, (std::vector<float>{0.064453125F, 0.142578125F}));
  const std::vector<float> v = {-.5F, -.5F, .5F, -.5F, .5F, .5F, -.5F, .5F};
  std::vector<int> expected;
  for (std::size_t i = 0; i < v.size(); ++i)
    expected.push_back(static_cast<int>(
        std::clamp(std::nearbyint(kT17[i] / result.weight_scale[i / 4] + v[i]), -8.0F, 7.0F)));
  EXPECT_EQ(codes(result), expected);
}

TEST(LearnedLinear, MinScaleMovesWhenTheNegativeEndIsLonger) {
  LearnedRounding rounding;
  rounding.scale_dtype = DType::kF32;
  rounding.tune_round = false;
  rounding.rate = 0.25;
  Learned l({-7, 1, 2, 3}, 1, 4, rounding);
  const std::vector<float> x = {1, 0, 0, 0};
  const std::vector<float> dy = {-1};  // a larger output is wanted: a smaller scale
  l.learned.add_gradient(x.data(), dy.data(), 1);
  l.learned.step(1);
  l.learned.keep();
  // -7 is code -7 and inside: its w' = s q has no slope from s but through q - w/s = 0.
  EXPECT_EQ(l.finish().weight_scale, std::vector<float>{1.0F});
  Learned clipped({-7, 1.4F, 2, 3}, 1, 4, rounding);
  const std::vector<float> second = {0, 1, 0, 0};
  clipped.learned.add_gradient(second.data(), dy.data(), 1);  // q - w/s = -0.4: a smaller s
  clipped.learned.step(1);
  clipped.learned.keep();
  EXPECT_EQ(clipped.finish().weight_scale, std::vector<float>{0.75F});
}

TEST(LearnedLinear, AsymmetricCodesLieAroundZeroWithSignedScales) {
  LearnedRounding rounding;
  rounding.symmetric = false;
  rounding.scale_dtype = DType::kF32;
  Learned l({7, -2, 1, 0, -7, 2, 1, 0, 0, 0, 0, 0}, 3, 4, rounding);
  const QuantizedLinear result = l.finish();
  EXPECT_EQ(result.weight_scale, (std::vector<float>{-1, 1, 1e-5F}));
  EXPECT_EQ(codes(result), (std::vector<int>{-7, 2, -1, 0, -7, 2, 1, 0, 0, 0, 0, 0}));
  EXPECT_TRUE(result.weight_offset.empty());
}

TEST(LearnedLinear, FullRangePutsTheLongerEndAtTheLongerCode) {
  LearnedRounding rounding;
  rounding.full_range = true;
  rounding.scale_dtype = DType::kF32;
  Learned l({8, -2, 1, 0, -8, 2, 1, 0, 0, 0, 0, 0}, 3, 4, rounding);
  const QuantizedLinear result = l.finish();
  EXPECT_EQ(result.weight_scale, (std::vector<float>{-1, 1, 1e-5F}));
  EXPECT_EQ(codes(result), (std::vector<int>{-8, 2, -1, 0, -8, 2, 1, 0, 0, 0, 0, 0}));
  EXPECT_TRUE(result.weight_offset.empty());
}

TEST(LearnedLinear, FullRangeLearnsTheScaleOfTheLongerEnd) {
  LearnedRounding rounding;
  rounding.full_range = true;
  rounding.scale_dtype = DType::kF32;
  rounding.tune_round = false;
  rounding.rate = 0.25;
  Learned l({-8, 1.4F, 2, 3}, 1, 4, rounding);
  const std::vector<float> x = {0, 1, 0, 0};
  const std::vector<float> dy = {-1};  // q - w/s = -0.4: a smaller s
  l.learned.add_gradient(x.data(), dy.data(), 1);
  l.learned.step(1);
  l.learned.keep();
  EXPECT_EQ(l.finish().weight_scale, std::vector<float>{0.75F});
}

TEST(LearnedLinear, EveryShapeBitsAndGroup) {
  std::mt19937 generator(7);
  std::normal_distribution<float> normal;
  for (int bits : {4, 8})
    for (bool symmetric : {true, false})
      for (std::int64_t group : {0, 3, 12}) {
        const std::int64_t out = 5, in = 12, rows = 6;
        std::vector<float> w(static_cast<std::size_t>(out * in));
        std::vector<float> x(static_cast<std::size_t>(rows * in));
        std::vector<float> dy(static_cast<std::size_t>(rows * out));
        for (auto* values : {&w, &x, &dy})
          for (float& value : *values) value = normal(generator);
        LearnedRounding rounding;
        rounding.bits = bits;
        rounding.symmetric = symmetric;
        rounding.group_size = group;
        rounding.rate = 0.1;
        Learned l(w, out, in, rounding);
        const auto start = output(l.learned, x, out);
        for (int i = 0; i < 4; ++i) {
          l.learned.add_gradient(x.data(), dy.data(), rows);
          l.learned.step(0.9);
        }
        l.learned.keep();
        const auto now = output(l.learned, x, out);
        EXPECT_NE(start, now);
        l.learned.use_kept();
        EXPECT_EQ(output(l.learned, x, out), now);
        l.learned.use_start();
        EXPECT_EQ(output(l.learned, x, out), start);
        l.learned.use_kept();
        const QuantizedLinear result = l.finish();
        std::vector<float> values(w.size());
        dequantize_weight(result, values.data());
        for (std::int64_t i = 0; i < out; ++i) {
          double sum = 0;
          for (std::int64_t j = 0; j < in; ++j)
            sum += static_cast<double>(values[static_cast<std::size_t>(i * in + j)]) *
                   static_cast<double>(x[static_cast<std::size_t>(j)]);
          EXPECT_NEAR(sum, now[static_cast<std::size_t>(i)], 1e-4);
        }
        for (int code : codes(result)) {
          EXPECT_GE(code, bits == 4 ? -8 : -128);
          EXPECT_LE(code, bits == 4 ? 7 : 127);
        }
      }
}

TEST(LearnedLinear, RefusesDamagedWeights) {
  std::vector<float> w = kT17;
  w[3] = std::nanf("");
  EXPECT_THROW(Learned(w, 2, 4, {}), DataError);
}

}  // namespace
}  // namespace msmodelslim
