// The vector kernels against plain scalar code.
#include "kernels/ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/attention.h"
#include "kernels/rope.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

std::vector<float> random_values(std::size_t count, unsigned seed, float spread = 3.0F) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, spread);
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

TEST(Ops, RmsNorm) {
  for (std::int64_t width : {1, 7, 64, 577}) {
    const auto x = random_values(static_cast<std::size_t>(2 * width), 1);
    const auto weight = random_values(static_cast<std::size_t>(width), 2);
    const auto bias = random_values(static_cast<std::size_t>(width), 3);
    std::vector<float> out(x.size());
    rms_norm(x.data(), weight.data(), bias.data(), 1e-5F, out.data(), 2, width);
    for (std::int64_t r = 0; r < 2; ++r) {
      double sum = 0;
      for (std::int64_t i = 0; i < width; ++i) {
        const double v = x[static_cast<std::size_t>(r * width + i)];
        sum += v * v;
      }
      const double inverse = 1 / std::sqrt(sum / static_cast<double>(width) + 1e-5);
      for (std::int64_t i = 0; i < width; ++i) {
        const auto at = static_cast<std::size_t>(r * width + i);
        const auto col = static_cast<std::size_t>(i);
        EXPECT_NEAR(out[at], x[at] * inverse * weight[col] + bias[col], 2e-5);
      }
    }
  }
}

TEST(Ops, SiluMulAndSoftmax) {
  const auto gate = random_values(37, 4);
  const auto up = random_values(37, 5);
  std::vector<float> out(37);
  silu_mul(gate.data(), up.data(), out.data(), 37);
  for (std::size_t i = 0; i < out.size(); ++i)
    EXPECT_NEAR(out[i], gate[i] / (1 + std::exp(-gate[i])) * up[i], 1e-5);
  auto row = random_values(53, 6);
  const auto before = row;
  softmax(row.data(), 0.5F, 53);
  double sum = 0;
  for (float v : before) sum += std::exp(0.5 * static_cast<double>(v));
  for (std::size_t i = 0; i < row.size(); ++i)
    EXPECT_NEAR(row[i], std::exp(0.5 * static_cast<double>(before[i])) / sum, 1e-6);
}

TEST(Ops, MinMaxSeesNanAnywhere) {
  for (std::size_t at : {std::size_t{0}, std::size_t{5}, std::size_t{40}, std::size_t{66}}) {
    auto x = random_values(67, 7);
    const MinMax clean = min_max(x.data(), 67);
    EXPECT_EQ(clean.min, *std::min_element(x.begin(), x.end()));
    EXPECT_EQ(clean.max, *std::max_element(x.begin(), x.end()));
    x[at] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(min_max(x.data(), 67).min));
    EXPECT_TRUE(std::isnan(abs_max(x.data(), 67)));
  }
}

TEST(Ops, QuantizeRoundsHalfToEvenAndClamps) {
  const std::vector<float> x = {0.5F,   1.5F,    2.5F,   -0.5F,      -1.5F,
                                300.0F, -300.0F, 126.5F, 0.49999997F};
  std::vector<std::int8_t> codes(x.size());
  quantize_s8(x.data(), 1.0F, 0.0F, -128.0F, codes.data(), static_cast<std::int64_t>(x.size()));
  const std::vector<std::int8_t> expected = {0, 2, 2, 0, -2, 127, -128, 126, 0};
  EXPECT_EQ(codes, expected);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  quantize_s8(&nan, 1.0F, 0.0F, -128.0F, codes.data(), 1);  // any code, nothing undefined
  EXPECT_EQ(codes[1], 2);
  std::vector<float> back(x.size());
  fake_quantize_s8(x.data(), 2.0F, 1.0F, back.data(), static_cast<std::int64_t>(x.size()));
  EXPECT_EQ(back[5], (127.0F - 1.0F) * 2.0F);
  EXPECT_EQ(back[6], (-128.0F - 1.0F) * 2.0F);
}

TEST(Ops, Bfloat16RoundingIsTheScalarOne) {
  auto x = random_values(1001, 8, 1e3F);
  x[3] = std::numeric_limits<float>::infinity();
  std::vector<float> out(x.size());
  round_bf16(x.data(), out.data(), static_cast<std::int64_t>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(out[i], round_to_bf16(x[i]));
  std::vector<std::uint16_t> bits(x.size());
  x[5] = std::numeric_limits<float>::quiet_NaN();
  f32_to_bf16(x.data(), bits.data(), static_cast<std::int64_t>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(bits[i], f32_to_bf16(x[i]));
}

TEST(Rope, PairsAreTurnedAsHalvesAre) {
  // Heads of 6 of which 4 are turned; neighbours here are i and i + 2 there.
  const std::vector<float> cos = {1, 1, 0.6F, 0.8F};
  const std::vector<float> sin = {0, 0, 0.8F, 0.6F};
  const std::vector<float> x = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  std::vector<float> pairs = x;
  rotate_pairs(pairs.data(), 1, 2, 6, 2, cos.data(), sin.data(), 1);
  std::vector<float> halves = x;
  for (std::size_t h = 0; h < 12; h += 6) std::swap(halves[h + 1], halves[h + 2]);
  rotate_half(halves.data(), 1, 2, 6, 2, cos.data(), sin.data(), 1);
  for (std::size_t h = 0; h < 12; h += 6) std::swap(halves[h + 1], halves[h + 2]);
  EXPECT_EQ(pairs, halves);
}

TEST(Attention, ValuesMayBeNarrowerThanKeys) {
  // One head, two tokens: equal scores for the second.
  AttentionShape shape;
  shape.query_rows = shape.key_rows = 2;
  shape.heads = shape.kv_heads = 1;
  shape.head_dim = 3;
  shape.value_dim = 2;
  shape.scale = 1;
  const std::vector<float> q(6);
  const std::vector<float> k = {1, 2, 3, 4, 5, 6};
  const std::vector<float> v = {1, 2, 5, 8};
  std::vector<float> out(4);
  attention(shape, q.data(), k.data(), v.data(), out.data());
  EXPECT_EQ(out, (std::vector<float>{1, 2, 3, 5}));
}

TEST(Attention, AgreesWithTheDefinition) {
  AttentionShape shape{140, 150, 4, 2, 8, 0.3F, 0};
  for (std::int64_t window : {0, 9}) {
    shape.window = window;
    const auto q = random_values(static_cast<std::size_t>(140 * 32), 9, 1.0F);
    const auto k = random_values(static_cast<std::size_t>(150 * 16), 10, 1.0F);
    const auto v = random_values(static_cast<std::size_t>(150 * 16), 11, 1.0F);
    std::vector<float> out(q.size());
    attention(shape, q.data(), k.data(), v.data(), out.data());
    for (std::int64_t i : {0, 1, 63, 127, 128, 139}) {
      for (std::int64_t h = 0; h < 4; ++h) {
        const std::int64_t last = 10 + i;
        const std::int64_t first = window > 0 ? std::max<std::int64_t>(0, last - window + 1) : 0;
        std::vector<double> p;
        double sum = 0;
        for (std::int64_t j = first; j <= last; ++j) {
          double dot = 0;
          for (std::int64_t d = 0; d < 8; ++d)
            dot += static_cast<double>(q[static_cast<std::size_t>(i * 32 + h * 8 + d)]) *
                   static_cast<double>(k[static_cast<std::size_t>(j * 16 + h / 2 * 8 + d)]);
          p.push_back(std::exp(dot * 0.3));
          sum += p.back();
        }
        for (std::int64_t d = 0; d < 8; ++d) {
          double value = 0;
          for (std::int64_t j = first; j <= last; ++j)
            value += p[static_cast<std::size_t>(j - first)] / sum *
                     static_cast<double>(v[static_cast<std::size_t>(j * 16 + h / 2 * 8 + d)]);
          EXPECT_NEAR(out[static_cast<std::size_t>(i * 32 + h * 8 + d)], value, 1e-5);
        }
      }
    }
  }
}

TEST(Rope, RotatesPairsAndKeepsTheirLength) {
  std::vector<float> x = {1, 2, 3, 4, 9};  // head_dim 5, two pairs, one dimension passes through
  const std::vector<float> cos = {0, 1};
  const std::vector<float> sin = {1, 0};
  rotate_half(x.data(), 1, 1, 5, 2, cos.data(), sin.data(), 0);
  EXPECT_EQ(x, (std::vector<float>{-3, 2, 1, 4, 9}));
}

}  // namespace
}  // namespace msmodelslim
