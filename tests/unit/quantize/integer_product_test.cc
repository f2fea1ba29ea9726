// Against a plain sum of the dequantized values in double.
#include "quantize/integer_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/threads.h"
#include "quantize/linear_quantizer.h"

namespace msmodelslim {
namespace {

std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

QuantizedLinear random_linear(std::int64_t out, std::int64_t in, LinearType type) {
  QuantizedLinear linear;
  linear.spec = {"l", in, out, false, Role::kGate, ""};
  linear.type = type;
  linear.codes = Tensor(DType::kI8, {out, in});
  std::mt19937 generator(3);
  std::uniform_int_distribution<int> code(-128, 127);
  for (std::int64_t i = 0; i < out * in; ++i)
    linear.codes.as<std::int8_t>()[i] = static_cast<std::int8_t>(code(generator));
  for (std::int64_t i = 0; i < out; ++i)
    linear.weight_scale.push_back(0.001F * static_cast<float>(i + 1));
  linear.bias = random_values(static_cast<std::size_t>(out), 4);
  return linear;
}

TEST(IntegerProduct, IsTheSumOfTheDequantizedValues) {
  constexpr std::int64_t kRows = 37;
  constexpr std::int64_t kIn = 75;
  constexpr std::int64_t kOut = 21;
  const QuantizedLinear linear = random_linear(kOut, kIn, LinearType::kW8A8);
  ASSERT_TRUE(IntegerProduct::computes(linear));
  const std::vector<float> x = random_values(kRows * kIn, 5);
  std::vector<QuantParam> params;
  for (int r = 0; r < kRows; ++r)
    params.push_back({0.01F + 0.001F * static_cast<float>(r % 7), static_cast<float>(r * 7 - 128)});
  std::vector<float> weight(kOut * kIn);
  dequantize_weight(linear, weight.data());
  std::vector<float> y(kRows * kOut);
  IntegerProduct(linear).multiply(x.data(), params, y.data());
  for (std::int64_t r = 0; r < kRows; ++r) {
    const auto [scale, offset] = params[static_cast<std::size_t>(r)];
    for (std::int64_t i = 0; i < kOut; ++i) {
      double sum = linear.bias[static_cast<std::size_t>(i)];
      double size = std::fabs(sum);
      for (std::int64_t j = 0; j < kIn; ++j) {
        const float code =
            std::nearbyint(x[static_cast<std::size_t>(r * kIn + j)] / scale + offset);
        const double term =
            static_cast<double>((std::fmin(std::fmax(code, -128.0F), 127.0F) - offset) * scale) *
            static_cast<double>(weight[static_cast<std::size_t>(i * kIn + j)]);
        sum += term;
        size += std::fabs(term);
      }
      EXPECT_NEAR(y[static_cast<std::size_t>(r * kOut + i)], sum, 1e-6 * size);
    }
  }
}

TEST(IntegerProduct, LargestSumsAreExact) {
  constexpr std::int64_t kIn = 65'000;
  QuantizedLinear linear = random_linear(1, kIn, LinearType::kW8A8);
  std::fill_n(linear.codes.as<std::int8_t>(), kIn, std::int8_t{-128});
  linear.weight_scale = {1};
  linear.bias.clear();
  const std::vector<float> x(kIn, 255.0F);
  float y = 0;
  IntegerProduct(linear).multiply(x.data(), {{1, -128}}, &y);
  EXPECT_EQ(y, -255.0F * 128.0F * 65'000.0F);
}

TEST(IntegerProduct, SameBytesForAnyNumberOfThreads) {
  const QuantizedLinear linear = random_linear(200, 96, LinearType::kW8A8Dynamic);
  const std::vector<float> x = random_values(150 * 96, 6);
  std::vector<std::vector<float>> results;
  const int before = thread_count();
  for (int threads : {1, 3}) {
    set_thread_count(threads);
    results.emplace_back(150 * 200);
    IntegerProduct(linear).multiply(x.data(), token_params(linear.type, x.data(), 150, 96),
                                    results.back().data());
  }
  set_thread_count(before);
  EXPECT_EQ(results[0], results[1]);
}

TEST(IntegerProduct, NanReachesTheRowAndNoOther) {
  const QuantizedLinear linear = random_linear(4, 8, LinearType::kW8A8Dynamic);
  std::vector<float> x = random_values(2 * 8, 7);
  x[3] = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> y(2 * 4);
  IntegerProduct(linear).multiply(x.data(), token_params(linear.type, x.data(), 2, 8), y.data());
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i < 4) << i;
}

TEST(IntegerProduct, ComputesOneScaleARowWithoutOffset) {
  EXPECT_FALSE(IntegerProduct::computes(random_linear(2, 4, LinearType::kW8A16)));
  EXPECT_FALSE(IntegerProduct::computes(random_linear(2, 4, LinearType::kMxFp8)));
  QuantizedLinear linear = random_linear(2, 4, LinearType::kW4A4Dynamic);
  linear.weight_offset = {0, 0};
  EXPECT_TRUE(IntegerProduct::computes(linear));
  linear.weight_offset = {0, 3};
  EXPECT_FALSE(IntegerProduct::computes(linear));
  linear.weight_offset.clear();
  linear.group_size = 2;
  EXPECT_FALSE(IntegerProduct::computes(linear));
  linear.group_size = 0;
  linear.spec.in = 100'000;
  EXPECT_FALSE(IntegerProduct::computes(linear));
}

TEST(TokenParams, Int4ForW4A4) {
  const std::vector<float> x = {1, -0.5F, 0.2F, 0, 0.1F, 0.7F, -3.5F, 2};  // T-28
  const std::vector<QuantParam> params = token_params(LinearType::kW4A4Dynamic, x.data(), 2, 4);
  EXPECT_EQ(params[0].scale, 0.14285715F);
  EXPECT_EQ(params[1].scale, 0.5F);
  EXPECT_EQ(params[1].offset, 0.0F);
}

}  // namespace
}  // namespace msmodelslim
