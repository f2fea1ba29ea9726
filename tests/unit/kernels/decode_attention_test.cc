// One new token at a time gives what the attention of the whole sequence gives.
#include "kernels/decode_attention.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "kernels/ops.h"

namespace msmodelslim {
namespace {

class DecodeAttention : public testing::Test {
 protected:
  DecodeAttention() {
    shape_.heads = 6;
    shape_.kv_heads = 2;
    shape_.head_dim = 20;  // no multiple of a vector
    shape_.scale = 0.3F;
  }
  std::vector<float> values(std::int64_t count) {
    std::vector<float> out(static_cast<std::size_t>(count));
    std::normal_distribution<float> normal;
    for (float& value : out) value = normal(generator_);
    return out;
  }
  void check(std::int64_t window) {
    constexpr std::int64_t kTokens = 37;
    const std::int64_t q_width = shape_.heads * shape_.head_dim;
    const std::int64_t kv_width = shape_.kv_heads * shape_.head_dim;
    const auto q = values(kTokens * q_width);
    const auto k = values(kTokens * kv_width);
    const auto v = values(kTokens * kv_width);
    shape_.window = window;
    shape_.query_rows = shape_.key_rows = kTokens;
    std::vector<float> whole(q.size());
    attention(shape_, q.data(), k.data(), v.data(), whole.data());
    std::vector<float> single(q.size());
    std::vector<DecodeItem> items;
    for (std::int64_t t = 0; t < kTokens; ++t)
      items.push_back({q.data() + t * q_width,
                       {t + 1, DType::kF32, k.data(), v.data()},
                       single.data() + t * q_width});
    decode_attention(shape_, items);
    for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(single[i], whole[i], 2e-6) << i;
  }
  AttentionShape shape_;
  std::mt19937 generator_{5};
};

TEST_F(DecodeAttention, EqualsTheWholeSequence) { check(0); }

TEST_F(DecodeAttention, SeesTheWindowOnly) { check(9); }

TEST_F(DecodeAttention, ReadsBfloat16) {
  const std::int64_t kv_width = shape_.kv_heads * shape_.head_dim;
  const auto q = values(shape_.heads * shape_.head_dim);
  std::vector<float> cached[2] = {values(5 * kv_width), values(5 * kv_width)};
  std::vector<std::uint16_t> narrow[2];
  for (int i : {0, 1}) {
    round_bf16(cached[i].data(), cached[i].data(), 5 * kv_width);
    narrow[i].resize(cached[i].size());
    f32_to_bf16(cached[i].data(), narrow[i].data(), 5 * kv_width);
  }
  std::vector<float> a(q.size());
  std::vector<float> b(q.size());
  decode_attention(shape_,
                   {{q.data(), {5, DType::kF32, cached[0].data(), cached[1].data()}, a.data()},
                    {q.data(), {5, DType::kBF16, narrow[0].data(), narrow[1].data()}, b.data()}});
  EXPECT_EQ(a, b);
}

TEST_F(DecodeAttention, ReadsCodesWithScalesAndOffsets) {
  constexpr std::int64_t kTokens = 11;
  const std::int64_t kv_width = shape_.kv_heads * shape_.head_dim;
  const auto q = values(shape_.heads * shape_.head_dim);
  std::uniform_int_distribution<int> code(-128, 127);
  std::vector<std::int8_t> codes[2];
  std::vector<float> scale[2], offset[2], cached[2];
  for (int i : {0, 1}) {
    for (std::int64_t j = 0; j < kv_width; ++j) {
      scale[i].push_back(0.001F * static_cast<float>(1 + j % 7));
      offset[i].push_back(static_cast<float>(code(generator_)));
    }
    for (std::int64_t j = 0; j < kTokens * kv_width; ++j) {
      codes[i].push_back(static_cast<std::int8_t>(code(generator_)));
      const auto channel = static_cast<std::size_t>(j % kv_width);
      cached[i].push_back((codes[i].back() - offset[i][channel]) * scale[i][channel]);
    }
  }
  const std::vector<float> sinks(static_cast<std::size_t>(shape_.heads), 0.5F);
  for (const float* sink : {static_cast<const float*>(nullptr), sinks.data()}) {
    shape_.sinks = sink;
    std::vector<float> a(q.size());
    std::vector<float> b(q.size());
    decode_attention(
        shape_, {{q.data(), {kTokens, DType::kF32, cached[0].data(), cached[1].data()}, a.data()},
                 {q.data(),
                  {kTokens,
                   DType::kI8,
                   codes[0].data(),
                   codes[1].data(),
                   {scale[0].data(), offset[0].data()},
                   {scale[1].data(), offset[1].data()}},
                  b.data()}});
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 2e-6) << i;
  }
}

}  // namespace
}  // namespace msmodelslim
