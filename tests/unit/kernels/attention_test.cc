// Capped scores and hidden keys, against the plain formula.
#include "kernels/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/decode_attention.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRows = 7;
constexpr std::int64_t kDim = 8;

class AttentionTest : public testing::Test {
 protected:
  AttentionTest() : q_(kRows * 2 * kDim), k_(kRows * kDim), v_(kRows * kDim) {
    std::mt19937 generator(5);
    std::normal_distribution<float> normal;
    for (auto* values : {&q_, &k_, &v_})
      for (float& value : *values) value = normal(generator);
    shape_.query_rows = shape_.key_rows = kRows;
    shape_.heads = 2;
    shape_.kv_heads = 1;
    shape_.head_dim = kDim;
    shape_.scale = 0.7F;
  }

  // Of head `head` and row `row`.
  std::vector<float> plain(std::int64_t head, std::int64_t row) const {
    std::vector<double> weights;
    double sum = shape_.sinks == nullptr ? 0 : std::exp(static_cast<double>(shape_.sinks[head]));
    for (std::int64_t j = 0; j <= row; ++j) {
      double score = 0;
      for (std::int64_t d = 0; d < kDim; ++d)
        score += static_cast<double>(q_[static_cast<std::size_t>((row * 2 + head) * kDim + d)]) *
                 k_[static_cast<std::size_t>(j * kDim + d)];
      score *= shape_.scale;
      if (shape_.cap > 0) score = shape_.cap * std::tanh(score / shape_.cap);
      const bool seen = shape_.allowed == nullptr || shape_.allowed[row * kRows + j] != 0;
      weights.push_back(seen ? std::exp(score) : 0);
      sum += weights.back();
    }
    std::vector<float> out(kDim);
    for (std::int64_t d = 0; d < kDim; ++d) {
      double value = 0;
      for (std::int64_t j = 0; j <= row; ++j)
        value += weights[static_cast<std::size_t>(j)] / sum *
                 static_cast<double>(v_[static_cast<std::size_t>(j * kDim + d)]);
      out[static_cast<std::size_t>(d)] = static_cast<float>(value);
    }
    return out;
  }

  // One new token, of all keys.
  void expect_plain_decode() {
    std::vector<float> out(2 * kDim);
    const CachedRows all{kRows, DType::kF32, k_.data(), v_.data()};
    decode_attention(shape_, {{q_.data() + (kRows - 1) * 2 * kDim, all, out.data()}});
    for (std::int64_t head = 0; head < 2; ++head)
      for (std::int64_t d = 0; d < kDim; ++d)
        EXPECT_NEAR(out[static_cast<std::size_t>(head * kDim + d)],
                    plain(head, kRows - 1)[static_cast<std::size_t>(d)], 1e-5);
  }

  void expect_plain() {
    std::vector<float> out(q_.size());
    attention(shape_, q_.data(), k_.data(), v_.data(), out.data());
    for (std::int64_t head = 0; head < 2; ++head)
      for (std::int64_t row = 0; row < kRows; ++row) {
        const std::vector<float> want = plain(head, row);
        for (std::int64_t d = 0; d < kDim; ++d)
          EXPECT_NEAR(out[static_cast<std::size_t>((row * 2 + head) * kDim + d)],
                      want[static_cast<std::size_t>(d)], 1e-5)
              << row;
      }
  }

  std::vector<float> q_, k_, v_;
  AttentionShape shape_;
};

TEST_F(AttentionTest, Capped) {
  shape_.cap = 1.5F;
  expect_plain();
  expect_plain_decode();
}

TEST_F(AttentionTest, Sinks) {
  const std::vector<float> sinks = {0.8F, -1.5F};
  shape_.sinks = sinks.data();
  expect_plain();
  expect_plain_decode();
}

TEST_F(AttentionTest, HiddenKeys) {
  std::vector<std::uint8_t> allowed(kRows * kRows, 1);
  for (std::int64_t row = 2; row < kRows; ++row)
    allowed[static_cast<std::size_t>(row * kRows + row / 2)] = 0;
  shape_.allowed = allowed.data();
  expect_plain();
}

}  // namespace
}  // namespace msmodelslim
