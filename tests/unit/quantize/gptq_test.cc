// Worked examples of the reference (T-nn: quantizers.md) and what GPTQ is for: less output error.
#include "quantize/gptq.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"

namespace msmodelslim {
namespace {

struct Case {
  std::int64_t out;
  std::int64_t in;
  std::vector<float> weight;
  std::vector<float> rows;  // calibration, [n, in]
};

QuantizedLinear quantize(const Case& c, const WeightConfig& config, bool with_gptq = true) {
  const Tensor tensor = from_f32(c.weight.data(), {c.out, c.in}, DType::kF32);
  Linear linear({"model.layers.0.mlp.gate_proj", c.in, c.out, false, Role::kGate, ""},
                tensor.view());
  QuantizedLinear result;
  result.spec = linear.spec();
  Hessian hessian(c.in);
  hessian.add(c.rows.data(), static_cast<std::int64_t>(c.rows.size()) / c.in);
  if (with_gptq)
    quantize_gptq(config, WeightRows(linear), hessian, result);
  else
    quantize_weight(config, WeightRows(linear), result);
  return result;
}

std::vector<int> codes(const QuantizedLinear& linear) {
  const auto* data = linear.codes.as<std::int8_t>();
  return {data, data + linear.codes.count()};
}

WeightConfig int4() {
  WeightConfig config;
  config.bits = 4;
  config.method = "gptq";
  return config;
}

const std::vector<float> kT17 = {0.9F, -0.33F, 0.51F, 0.08F, 2.0F, 1.1F, -0.7F, 0.35F};
const std::vector<float> kT18 = {1, .5F, 0, .2F, .5F, 1, .1F, 0, 0, .25F, 1, .5F, .3F, 0, .5F, 1};

TEST(Gptq, T18PerChannel) {
  const QuantizedLinear result = quantize({2, 4, kT17, kT18}, int4());
  EXPECT_EQ(codes(result), (std::vector<int>{7, -3, 4, 1, 7, 4, -3, 2}));
}

TEST(Gptq, T18Factor) {
  Hessian hessian(4);
  hessian.add(kT18.data(), 4);
  ASSERT_TRUE(hessian.factor(0.01));
  const std::vector<float> expected = {
      2.52757F, -2.01904F, 1.62676F, -1.86972F, 0, 1.27804F, -.44827F, .12334F,
      0,        0,         1.98899F, -1.52646F, 0, 0,        0,        1.23892F};
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(hessian.upper()[i], expected[i], 1e-4) << i;
}

TEST(Gptq, T18PerGroup) {
  WeightConfig config = int4();
  config.group_size = config.block_size = 2;
  const QuantizedLinear result = quantize({2, 4, kT17, kT18}, config);
  EXPECT_EQ(codes(result), (std::vector<int>{7, -3, 7, 1, 7, 4, -7, 3}));
  const std::vector<float> scales = {0.12857142F, 0.07564884F, 0.2857143F, 0.10214746F};
  ASSERT_EQ(result.weight_scale.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(result.weight_scale[i], scales[i], 1e-6);
}

TEST(Gptq, T19DeadColumnsBecomeZero) {
  const std::vector<float> rows = {1, 0, 0, .2F, .5F, 0, .1F, 0, 0, 0, 1, .5F};
  EXPECT_EQ(codes(quantize({2, 4, kT17, rows}, int4())),
            (std::vector<int>{7, 0, 4, 1, 7, 0, -2, 0}));
}

Case random_case() {
  std::mt19937 generator(7);
  std::normal_distribution<float> normal;
  Case c{40, 256, std::vector<float>(40 * 256), std::vector<float>(400 * 256)};
  for (float& value : c.weight) value = 0.05F * normal(generator);
  // Correlated inputs: what GPTQ makes use of.
  for (std::int64_t r = 0; r < 400; ++r) {
    const float common = normal(generator);
    for (std::int64_t j = 0; j < 256; ++j)
      c.rows[static_cast<std::size_t>(r * 256 + j)] = common + 0.5F * normal(generator);
  }
  return c;
}

double output_error(const Case& c, const QuantizedLinear& result) {
  std::vector<float> restored(c.weight.size());
  dequantize_weight(result, restored.data());
  double error = 0;
  for (std::size_t r = 0; r * 256 < c.rows.size(); ++r)
    for (std::size_t i = 0; i < 40; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < 256; ++j)
        sum += static_cast<double>(c.rows[r * 256 + j]) *
               static_cast<double>(restored[i * 256 + j] - c.weight[i * 256 + j]);
      error += sum * sum;
    }
  return error;
}

TEST(Gptq, LowersTheOutputErrorForEveryScheme) {
  const Case c = random_case();
  WeightConfig plain = int4();
  plain.method = "minmax";
  const double rounded = output_error(c, quantize(c, plain, false));
  for (bool symmetric : {true, false})
    for (std::int64_t group : {0, 64}) {
      WeightConfig config = int4();
      config.symmetric = symmetric;
      config.group_size = group;
      EXPECT_LT(output_error(c, quantize(c, config)), 0.5 * rounded) << symmetric << group;
    }
}

TEST(Gptq, SweepsLowerTheOutputErrorFurther) {
  const Case c = random_case();
  for (bool symmetric : {true, false})
    for (bool act_order : {true, false})
      for (std::int64_t group : {0, 64}) {
        WeightConfig config = int4();
        config.symmetric = symmetric;
        config.act_order = act_order;
        config.group_size = group;
        config.percdamp = 1e-4;  // what it adds to H counts as error, too
        const double before = output_error(c, quantize(c, config));
        config.refine_sweeps = 4;
        const QuantizedLinear refined = quantize(c, config);
        EXPECT_LT(output_error(c, refined), before) << symmetric << act_order << group;
        for (int code : codes(refined)) EXPECT_TRUE(code >= -8 && code <= 7);
      }
}

TEST(Gptq, SweepsFindTheBestCodesOfIndependentColumns) {
  // H is diagonal: plain rounding is best, and coordinate descent has to end there.
  Case c{3, 4, {}, {}};
  c.weight = {0.7F, -0.31F, 0.12F, 0.05F, 0.2F, 0.69F, -0.7F, 0.33F, -0.6F, 0.1F, 0.7F, 0};
  c.rows = {1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3};
  WeightConfig config = int4();
  config.refine_sweeps = 3;
  const QuantizedLinear refined = quantize(c, config);
  for (std::size_t i = 0; i < c.weight.size(); ++i)
    EXPECT_EQ(codes(refined)[i], std::nearbyint(c.weight[i] / refined.weight_scale[i / 4])) << i;
}

TEST(Gptq, HopelessInputsAreRoundedPlainly) {
  Case c = random_case();
  c.rows.assign(256, 1e30F);  // X^T X is beyond fp32
  WeightConfig plain = int4();
  plain.method = "minmax";
  EXPECT_EQ(codes(quantize(c, int4())), codes(quantize(c, plain, false)));
}

TEST(Gptq, SingularInputsAreDamped) {
  Case c = random_case();
  c.rows.assign(3 * 256, 1.0F);  // one direction only
  const QuantizedLinear result = quantize(c, int4());
  for (float scale : result.weight_scale) EXPECT_GT(scale, 0.0F);
  WeightConfig plain = int4();
  plain.method = "minmax";
  EXPECT_LT(output_error(c, result), output_error(c, quantize(c, plain, false)));
}

TEST(Gptq, NoTokenOrNanWeightIsAnError) {
  Case c = random_case();
  c.rows.clear();
  EXPECT_THROW(quantize(c, int4()), DataError);
  c = random_case();
  c.weight[5] = std::nanf("");
  EXPECT_THROW(quantize(c, int4()), DataError);
}

// Rows with outliers in weights and columns of very different size: each option lowers the output
// error tr(E H E^T) there.
TEST(Gptq, ScaleSearchAndActOrderLowerTheOutputError) {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  Case c{24, 64, {}, {}};
  for (std::int64_t i = 0; i < c.out * c.in; ++i)
    c.weight.push_back(normal(generator) * (i % 61 == 0 ? 5.0F : 1.0F));
  for (std::int64_t i = 0; i < 400; ++i) {
    const float shared = normal(generator);
    for (std::int64_t j = 0; j < c.in; ++j)
      c.rows.push_back((normal(generator) + shared) * static_cast<float>(1 + j) / 8.0F);
  }
  const auto error = [&](const WeightConfig& config) {
    const QuantizedLinear result = quantize(c, config);
    std::vector<float> values(c.weight.size());
    dequantize_weight(result, values.data());
    double sum = 0;
    for (std::size_t n = 0; n < c.rows.size() / 64; ++n)
      for (std::size_t i = 0; i < 24; ++i) {
        double y = 0;
        for (std::size_t j = 0; j < 64; ++j)
          y +=
              static_cast<double>((values[i * 64 + j] - c.weight[i * 64 + j]) * c.rows[n * 64 + j]);
        sum += y * y;
      }
    return sum;
  };
  for (std::int64_t group : {0, 32}) {
    WeightConfig plain = int4();
    plain.group_size = group;
    plain.block_size = 32;
    WeightConfig searched = plain;
    searched.scale_search = true;
    WeightConfig ordered = searched;
    ordered.act_order = true;
    EXPECT_LT(error(searched), 0.9 * error(plain)) << group;
    EXPECT_LT(error(ordered), error(searched)) << group;
  }
}

}  // namespace
}  // namespace msmodelslim
