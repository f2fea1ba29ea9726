// Worked example T-30 of the quantizers reference, and bounds of the error.
#include "quantize/kv_cache.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "checkpoint/reader.h"
#include "model/build.h"
#include "observe/kv_tap.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class KvCacheTest : public testing::Test {
 protected:
  // Two samples: T-30 in the first four channels, then half of it.
  ColumnRange keys(KvAggregation aggregation) {
    const std::vector<float> first = {1, 2, 5, -20, 3, 4, 7, 8};
    const std::int64_t width = block_.k.spec().out;
    std::vector<float> k(static_cast<std::size_t>(4 * width));
    for (std::int64_t r = 0; r < 4; ++r)
      for (std::int64_t j = 0; j < 4; ++j)
        k[static_cast<std::size_t>(r * width + j)] =
            first[static_cast<std::size_t>(r % 2 * 4 + j)] * (r < 2 ? 1.0F : 0.5F);
    KvTap tap(aggregation);
    tap.see_kv(block_, k.data(), k.data(), 4, {{0, 2, 0}, {2, 2, 0}});
    EXPECT_TRUE(tap.seen() && tap.finite());
    return tap.keys();
  }

  CheckpointReader checkpoint_{golden_dir() + "/models/qwen2"};
  ModelSpec model_ =
      build_model_spec(ModelConfig::read(golden_dir() + "/models/qwen2"), checkpoint_);
  Block block_{model_.blocks[0], checkpoint_};
};

void expect_first(const std::vector<float>& values, const std::vector<float>& expected) {
  for (std::size_t j = 0; j < expected.size(); ++j) EXPECT_FLOAT_EQ(values[j], expected[j]);
}

TEST_F(KvCacheTest, T30) {
  const std::vector<float> scale = {0.023622047156095505F, 0.031496062874794006F,
                                    0.05511811003088951F, 0.15748031437397003F};
  const ChannelParams all = channel_params(keys(KvAggregation::kMax), true, DType::kF32);
  expect_first(all.scale, scale);
  expect_first(all.offset, {0, 0, 0, 0});
  const ChannelParams last = channel_params(keys(KvAggregation::kLast), true, DType::kF32);
  for (std::size_t j = 0; j < 4; ++j) EXPECT_FLOAT_EQ(last.scale[j], scale[j] / 2);
  expect_first(keys(KvAggregation::kMean).max, {2.25F, 3, 5.25F, 6});
  expect_first(keys(KvAggregation::kMean).min, {0.75F, 1.5F, 3.75F, -15});
}

TEST_F(KvCacheTest, NanIsNoticed) {
  std::vector<float> k(static_cast<std::size_t>(3 * block_.k.spec().out), 1.0F);
  std::vector<float> v = k;
  v[5] = std::numeric_limits<float>::quiet_NaN();
  KvTap tap(KvAggregation::kMax);
  EXPECT_FALSE(tap.seen());
  tap.see_kv(block_, k.data(), v.data(), 3, {{0, 3, 0}});
  EXPECT_FALSE(tap.finite());
}

TEST(FakeQuantizeChannels, StaysWithinHalfAStepInsideTheRange) {
  std::mt19937 generator(9);
  std::normal_distribution<float> normal;
  for (std::int64_t rows : {1, 3, 65})
    for (bool symmetric : {true, false}) {
      constexpr std::int64_t kWidth = 7;
      std::vector<float> x(static_cast<std::size_t>(rows * kWidth));
      for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = (normal(generator) + 2) * static_cast<float>(1 + i % kWidth);
      const ChannelParams params =
          channel_params(column_range(x.data(), rows, kWidth), symmetric, DType::kF32);
      std::vector<float> y = x;
      fake_quantize_channels(params, y.data(), rows);
      for (std::size_t i = 0; i < x.size(); ++i)  // rounding the offset may cost another half
        EXPECT_LE(std::fabs(x[i] - y[i]), 1.001F * params.scale[i % kWidth]);
    }
}

TEST(FakeQuantizeChannels, ClampsAndTakesNoRows) {
  const ChannelParams params = {{0.5F, 1}, {0, 10}};
  std::vector<float> x = {1000, 1000, -1000, -1000};
  fake_quantize_channels(params, x.data(), 2);
  EXPECT_EQ(x, (std::vector<float>{63.5F, 117, -64, -138}));
  fake_quantize_channels(params, x.data(), 0);
}

TEST(KvCacheCodes, NanBecomesACode) {
  const ChannelParams params{{0.5F, 0.5F}, {0, 3}};
  const float x[] = {NAN, 1, 2, 1e9F};
  std::int8_t codes[4];
  quantize_channels(params, x, 2, codes);
  EXPECT_EQ(codes[0], 0);
  EXPECT_EQ(codes[1], 5);
  EXPECT_EQ(codes[2], 4);
  EXPECT_EQ(codes[3], 127);
}

}  // namespace
}  // namespace msmodelslim
