#include "pipeline/cost.h"

#include <gtest/gtest.h>

#include "recipe/recipe.h"

namespace msmodelslim {
namespace {

Plan plan_of(const char* scope) {
  return make_plan(parse_recipe(
      fmt::format("apiversion: modelslim_v1\nspec:\n  process:\n    - type: linear_quant\n"
                  "      qconfig:\n"
                  "        act: {{scope: {}, dtype: int8, symmetric: true, method: minmax}}\n"
                  "        weight: {{scope: per_channel, dtype: int8, symmetric: true, method: "
                  "minmax}}\n  save: [{{type: ascendv1_saver}}]\n",
                  scope),
      "test.yaml"));
}

ModelSpec two_blocks() {
  ModelSpec model;
  model.head_dim = 4;
  model.blocks.resize(2);
  for (BlockSpec& block : model.blocks) block.heads = 3;
  return model;
}

const std::vector<std::vector<std::int32_t>> kSamples = {{1, 2, 3, 4, 5}, {6, 7}};

TEST(Cost, AttentionCostsTheCausalHalfOfItsScoresAndSums) {
  // Two blocks, three heads, keys and values of four: 8 (25 + 4) each.
  EXPECT_EQ(attention_flop(two_blocks(), plan_of("per_tensor"), kSamples), 2 * 3 * 8 * (25 + 4));
}

TEST(Cost, AWindowCostsWhatItSees) {
  ModelSpec model = two_blocks();
  model.blocks[1].window = 2;  // of five tokens: 2 (2 * 5 - 2)
  EXPECT_EQ(attention_flop(model, plan_of("per_tensor"), kSamples),
            3 * 8 * (25 + 4) + 3 * 8 * (16 + 4));
}

TEST(Cost, LatentAttentionHasKeysAndValuesOfOtherSizesAndDeltaNetsHaveNone) {
  ModelSpec model = two_blocks();
  model.blocks[0].mla.emplace();
  model.blocks[0].mla->nope = 5;
  model.blocks[0].mla->rope = 2;
  model.blocks[0].mla->value = 3;
  model.blocks[1].delta.emplace();
  EXPECT_EQ(attention_flop(model, plan_of("per_tensor"), kSamples), 3 * (7 + 3) * (25 + 4));
}

TEST(Cost, APlanWithoutPassesCostsNothing) {
  EXPECT_EQ(attention_flop(two_blocks(), plan_of("per_token"), kSamples), 0);
}

TEST(Cost, BlocksShareTheTimeByTheirProductsAndWeights) {
  ModelSpec model = two_blocks();
  model.head_dim = 0;  // no attention
  for (BlockSpec& block : model.blocks) {
    block.q.in = 10;
    block.q.out = 10;
  }
  model.blocks[1].q.out = 30;
  for (const char* scope : {"per_tensor", "per_token"}) {
    const std::vector<double> costs = block_costs(model, plan_of(scope), kSamples);
    ASSERT_EQ(costs.size(), 2U);
    EXPECT_GT(costs[0], 0);
    EXPECT_DOUBLE_EQ(costs[1], 3 * costs[0]) << scope;
  }
}

TEST(Cost, ATokenMeetsTheExpertsItIsSentTo) {
  ModelSpec model = two_blocks();
  BlockSpec& block = model.blocks[0];
  block.moe.emplace();
  block.moe->per_token = 2;
  block.moe->experts.resize(8);
  for (MlpSpec& expert : block.moe->experts)
    for (LinearSpec* linear : {&expert.gate, &expert.up, &expert.down}) {
      linear->in = 5;
      linear->out = 5;
    }
  EXPECT_EQ(weights_per_token(block), 2 * 3 * 25);
  EXPECT_EQ(weights_per_token(model), 2 * 3 * 25);
}

}  // namespace
}  // namespace msmodelslim
