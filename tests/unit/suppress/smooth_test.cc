// Worked examples of the outlier-suppression reference.
#include <gtest/gtest.h>

#include <cmath>

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

// Two linears in a row, which no dense model has: the second one's columns, the first one's rows.
TEST(MoveScales, LinearLinear) {
  const Tensor first_weight = matrix({1, 2, 3, 4}, 2, 2);
  const Tensor second_weight = matrix({1, -3, 2, -4}, 2, 2);
  Linear first = linear_of(first_weight);
  first.mutable_bias() = {2, 2};
  Linear second = linear_of(second_weight);
  const Subgraph graph{SubgraphKind::kLinearLinear, "first", nullptr, &first, {&second}};
  move_scales(graph, {2, 4}, {});
  expect_near(first.weight(), {0.5F, 1, 0.75F, 1}, 0);
  expect_near(first.bias().data(), {1, 0.5F}, 0);
  expect_near(second.weight(), {2, -12, 4, -16}, 0);
}

}  // namespace
}  // namespace msmodelslim
