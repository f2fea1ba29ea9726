#include "cli/estimate.h"

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

TEST(Estimate, AttentionCostsTheCausalHalfOfItsScoresAndSums) {
  // Two blocks, three heads, keys and values of four: 8 (25 + 4) each.
  EXPECT_EQ(attention_flop(two_blocks(), plan_of("per_tensor"), kSamples), 2 * 3 * 8 * (25 + 4));
}

TEST(Estimate, AWindowCostsWhatItSees) {
  ModelSpec model = two_blocks();
  model.blocks[1].window = 2;  // of five tokens: 2 (2 * 5 - 2)
  EXPECT_EQ(attention_flop(model, plan_of("per_tensor"), kSamples),
            3 * 8 * (25 + 4) + 3 * 8 * (16 + 4));
}

TEST(Estimate, LatentAttentionHasKeysAndValuesOfOtherSizesAndDeltaNetsHaveNone) {
  ModelSpec model = two_blocks();
  model.blocks[0].mla.emplace();
  model.blocks[0].mla->nope = 5;
  model.blocks[0].mla->rope = 2;
  model.blocks[0].mla->value = 3;
  model.blocks[1].delta.emplace();
  EXPECT_EQ(attention_flop(model, plan_of("per_tensor"), kSamples), 3 * (7 + 3) * (25 + 4));
}

TEST(Estimate, APlanWithoutPassesCostsNothing) {
  EXPECT_EQ(attention_flop(two_blocks(), plan_of("per_token"), kSamples), 0);
}

}  // namespace
}  // namespace msmodelslim
