// Worked examples of the outlier-suppression reference, and invariance of the block's output.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "checkpoint/reader.h"
#include "forward/run.h"
#include "model/build.h"
#include "shared_data.h"
#include "suppress/flex_search.h"
#include "suppress/smoother.h"

namespace msmodelslim {
namespace {

Linear linear_of(const Tensor& weight, const char* name = "l") {
  return Linear({name, weight.shape()[1], weight.shape()[0], false, Role::kGate, ""},
                weight.view());
}

Tensor matrix(std::vector<float> values, std::int64_t out, std::int64_t in) {
  return from_f32(values.data(), {out, in}, DType::kF32);
}

void expect_near(const float* actual, const std::vector<float>& expected, float tolerance) {
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], tolerance);
}

TEST(SmoothMath, Example3aSmoothQuant) {
  const Tensor w1 = matrix({1, -2, 3, 4}, 2, 2);
  const Tensor w2 = matrix({-4, 1, 2, 0.5F}, 2, 2);
  Linear l1 = linear_of(w1);
  Linear l2 = linear_of(w2);
  const auto w = column_max({&l1, &l2}, false);
  EXPECT_EQ(w, (std::vector<float>{4, 4}));
  const auto s = smooth_scales({16, 1}, w, 0.5, 0.5, 1e-5);
  EXPECT_EQ(s, (std::vector<float>{2, 0.5F}));
  scale_columns(l1, s);
  scale_columns(l2, s);
  expect_near(l1.weight(), {2, -1, 6, 2}, 0);
  expect_near(l2.weight(), {-8, 0.5F, 4, 0.25F}, 0);
}

TEST(SmoothMath, Example4aIterSmooth) {
  const Tensor w = matrix({1, -0.5F, 0.25F, 2}, 2, 2);
  Linear l = linear_of(w);
  const auto s = smooth_scales({10, 0.1F}, column_max({&l}, false), 0.9, 1 - 0.9, 1e-5);
  EXPECT_NEAR(s[0], 7.9432823F, 1e-5);
  EXPECT_NEAR(s[1], 0.1174619F, 1e-6);
}

TEST(SmoothMath, Example4bSignedMaximum) {
  const Tensor up_weight = matrix({1, 2, 3, 4}, 2, 2);
  const Tensor down_weight = matrix({1, -3, 2, -4}, 2, 2);
  Linear up = linear_of(up_weight);
  up.mutable_bias() = {2, 2};
  Linear down = linear_of(down_weight);
  const auto s = smooth_scales({8, 4}, column_max({&down}, true), 0.5, 0.5, 1e-5);
  EXPECT_NEAR(s[0], 2, 1e-6);
  EXPECT_NEAR(s[1], 632.4555, 1e-3);
  scale_columns(down, s);
  divide_rows(up, s);
  expect_near(up.weight(), {0.5F, 1, 0.0047434F, 0.0063246F}, 1e-6F);
  expect_near(up.bias().data(), {1, 0.0031623F}, 1e-6F);
}

TEST(SmoothMath, Example4cAnd5cGroupedHeads) {
  const HeadShape heads{2, 1, 2};
  const Tensor o = matrix({1, 2, 3, 4, 0.5F, 4, 1, 1}, 2, 4);
  Linear linear = linear_of(o);
  const std::vector<float> act = {4, 16, 12, 36};
  const auto w = column_max({&linear}, true);
  const auto mean = mean_over_query_heads(smooth_scales(act, w, 0.5, 0.5, 1e-5), heads);
  expect_near(mean.data(), {2, 2.5F}, 1e-6F);
  EXPECT_EQ(repeat_for_query_heads({2, 2.5F}, heads), (std::vector<float>{2, 2.5F, 2, 2.5F}));
  const auto largest = smooth_scales(max_over_query_heads(act, heads),
                                     max_over_query_heads(w, heads), 0.5, 0.5, 1e-5);
  expect_near(largest.data(), {2, 3}, 1e-6F);
}

TEST(FlexSearch, Example5a) {
  const std::vector<float> x = {24, -2, 3, 1, -1, -0.5F};
  const std::vector<float> w = {-4, -0.5F, -2, -0.5F};
  const FlexChoice choice = search_flex(x.data(), 3, {{w.data(), 2}}, 2);
  EXPECT_DOUBLE_EQ(choice.alpha, 0.5);
  EXPECT_DOUBLE_EQ(choice.beta, 0.8);
  EXPECT_NEAR(choice.score, 1e-6, 1e-6);
}

TEST(FlexSearch, Example5bZeroRowsAndDeadChannels) {
  const std::vector<float> w = {-4, -0.5F, -2, -0.5F};
  const std::vector<float> zero_row = {24, -2, 3, 1, -1, -0.5F, 0, 0};
  EXPECT_FALSE(search_flex(zero_row.data(), 4, {{w.data(), 2}}, 2).found);
  const std::vector<float> dead_channel = {24, 0, 3, 0, -1, 0};
  const FlexChoice act = search_flex(dead_channel.data(), 3, {{w.data(), 2}}, 2);
  EXPECT_DOUBLE_EQ(act.alpha, 0);
  EXPECT_DOUBLE_EQ(act.beta, 0.65);
  const std::vector<float> x = {24, -2, 3, 1, -1, -0.5F};
  const std::vector<float> dead_column = {-4, 0, -2, 0};
  const FlexChoice weight = search_flex(x.data(), 3, {{dead_column.data(), 2}}, 2);
  EXPECT_DOUBLE_EQ(weight.alpha, 1);
  EXPECT_DOUBLE_EQ(weight.beta, 0);
}

// A real tiny block before and after each algorithm: the float output stays within 1e-4.
class Invariance : public testing::TestWithParam<std::tuple<SmoothAlgorithm, bool, const char*>> {};

TEST_P(Invariance, FloatOutputOfTheBlockIsUnchanged) {
  const auto [algorithm, symmetric, name] = GetParam();
  const std::string folder = golden_dir() + "/models/" + name;
  const CheckpointReader checkpoint(folder);
  const ModelSpec model = build_model_spec(ModelConfig::read(folder), checkpoint);
  std::mt19937 generator(7);
  std::uniform_int_distribution<std::int32_t> token(0, static_cast<std::int32_t>(model.vocab) - 1);
  std::vector<std::int32_t> ids(50);
  for (auto& id : ids) id = token(generator);
  const PackedStates input = embed_samples(model, checkpoint, {ids});
  const RopeTable rope(model.rope, 50);
  FloatLinearOp op(DType::kF32);
  Workspace workspace;
  Block block(model.blocks[0], checkpoint);
  PackedStates before = input;
  run_block_on(model, block, before, true, rope, op, {}, workspace);

  SmoothConfig config;
  config.algorithm = algorithm;
  config.symmetric = symmetric;
  if (algorithm != SmoothAlgorithm::kFlexSmooth) config.alpha = 0.7;
  config.kinds = {SubgraphKind::kNormLinear, SubgraphKind::kOv, SubgraphKind::kUpDown};
  config.selects = [](const std::string&) { return true; };
  Smoother smoother(config, model);
  PackedStates watched = input;
  const auto taps = smoother.prepare(block, input.sequences);
  run_block_on(model, block, watched, false, rope, op, taps, workspace);
  EXPECT_EQ(smoother.finish().size(), 4U);
  EXPECT_TRUE(block.q.changed());

  PackedStates after = input;
  run_block_on(model, block, after, true, rope, op, {}, workspace);
  double largest = 0;
  double worst = 0;
  for (std::size_t i = 0; i < after.values.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(before.values[i])));
    worst = std::max(worst, std::fabs(static_cast<double>(before.values[i]) - after.values[i]));
  }
  EXPECT_LT(worst, 1e-4 * largest);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, Invariance,
                         testing::Combine(testing::Values(SmoothAlgorithm::kSmoothQuant,
                                                          SmoothAlgorithm::kIterSmooth,
                                                          SmoothAlgorithm::kFlexSmooth),
                                          testing::Bool(),
                                          testing::Values("qwen2", "qwen3", "llama")));

}  // namespace
}  // namespace msmodelslim
