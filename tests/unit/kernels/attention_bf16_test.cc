// Attention with bfloat16 products, against the fp32 one of rounded values.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/attention.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

class Bf16Attention : public testing::Test {
 protected:
  std::vector<float> rounded_normal(std::int64_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = normal(generator_);
    round_bf16(values.data(), values.data(), count);
    return values;
  }

  // The weights alone are rounded differently: by 2^-9 of each.
  void expect_like_fp32(AttentionShape shape) {
    const std::int64_t value_dim = shape.value_dim > 0 ? shape.value_dim : shape.head_dim;
    const auto q = rounded_normal(shape.query_rows * shape.heads * shape.head_dim);
    const auto k = rounded_normal(shape.key_rows * shape.kv_heads * shape.head_dim);
    const auto v = rounded_normal(shape.key_rows * shape.kv_heads * value_dim);
    const auto count = static_cast<std::size_t>(shape.query_rows * shape.heads * value_dim);
    std::vector<float> expected(count), out(count, NAN);
    attention(shape, q.data(), k.data(), v.data(), expected.data());
    shape.bf16 = true;
    attention(shape, q.data(), k.data(), v.data(), out.data());
    for (std::size_t i = 0; i < count; ++i) ASSERT_NEAR(out[i], expected[i], 0.02) << i;
  }

  std::mt19937 generator_{9};
};

AttentionShape shape_of(std::int64_t queries, std::int64_t keys, std::int64_t heads,
                        std::int64_t kv_heads, std::int64_t dim) {
  AttentionShape shape;
  shape.query_rows = queries;
  shape.key_rows = keys;
  shape.heads = heads;
  shape.kv_heads = kv_heads;
  shape.head_dim = dim;
  shape.scale = 1.0F / std::sqrt(static_cast<float>(dim));
  return shape;
}

TEST_F(Bf16Attention, EveryNumberOfQueriesAndKeys) {
  for (std::int64_t queries : {1, 2, 13, 14, 15, 33, 100})
    for (std::int64_t past : {0, 1, 31, 40})
      expect_like_fp32(shape_of(queries, queries + past, 6, 2, 64));
}

TEST_F(Bf16Attention, OddHeadsAndOtherValues) {
  expect_like_fp32(shape_of(40, 40, 3, 1, 7));
  AttentionShape shape = shape_of(40, 45, 2, 2, 24);
  shape.value_dim = 40;
  expect_like_fp32(shape);
}

TEST_F(Bf16Attention, WindowsSinksSlopesCapsAndHiddenKeys) {
  AttentionShape shape = shape_of(90, 120, 4, 2, 32);
  shape.window = 37;
  expect_like_fp32(shape);
  shape.window = 0;
  const std::vector<float> per_head = {0.5F, 0.1F, 1.0F, 0.3F};
  shape.sinks = per_head.data();
  expect_like_fp32(shape);
  shape.sinks = nullptr;
  shape.slopes = per_head.data();
  expect_like_fp32(shape);
  shape.slopes = nullptr;
  shape.cap = 1.5F;
  expect_like_fp32(shape);
  std::vector<std::uint8_t> allowed(static_cast<std::size_t>(90 * 120));
  for (std::size_t i = 0; i < allowed.size(); ++i) allowed[i] = i % 3 != 1 || i % 120 == 0;
  shape.allowed = allowed.data();
  expect_like_fp32(shape);
}

}  // namespace
}  // namespace msmodelslim
