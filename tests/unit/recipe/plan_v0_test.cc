#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipe_samples.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string v0_recipe(const std::string& calib_cfg, const std::string& rest = "") {
  return "apiversion: modelslim_v0\nspec:\n  calib_cfg: {" + calib_cfg + "}\n" + rest;
}

TEST(PlanV0, StaticMinmaxBecomesOneStep) {
  const Plan plan =
      plan_of(v0_recipe("w_bit: 8, a_bit: 8, act_method: 1, mm_tensor: false, "
                        "disable_names: [lm_head, model.layers.0.mlp.down_proj]",
                        "  calib_dataset: boolq.jsonl\n"));
  ASSERT_TRUE(plan.v0.has_value());
  EXPECT_EQ(plan.dataset, "boolq.jsonl");
  EXPECT_THAT(plan.v0->disable_names, ElementsAre("lm_head", "model.layers.0.mlp.down_proj"));
  EXPECT_TRUE(plan.v0->disable_last_linear);
  EXPECT_EQ(plan.v0->part_file_size, std::nullopt);
  EXPECT_TRUE(plan.saves.empty());
  ASSERT_EQ(plan.steps.size(), 1U);
  const auto& linear = std::get<LinearQuantStep>(plan.steps[0].value);
  EXPECT_EQ(linear.type, "W8A8");
  EXPECT_FALSE(linear.act.symmetric);
  EXPECT_EQ(linear.weight.scope, "per_channel");
  EXPECT_FALSE(linear.filter.selects("model.layers.0.mlp.down_proj"));
  EXPECT_TRUE(linear.filter.selects("model.layers.1.mlp.down_proj"));
  EXPECT_TRUE(needs_data(plan));
}

TEST(PlanV0, Defaults) {
  const Plan plan = plan_of(v0_recipe("mm_tensor: 'no'"));
  EXPECT_EQ(plan.dataset, "teacher_qualification.jsonl");
  EXPECT_EQ(problems_of(v0_recipe("")), "");
}

TEST(PlanV0, SaveParameters) {
  const Plan plan =
      plan_of(v0_recipe("mm_tensor: false", "  calib_save_params: {part_file_size: 4}\n"));
  EXPECT_EQ(plan.v0->part_file_size, 4);
  EXPECT_THAT(
      problems_of(v0_recipe("mm_tensor: false", "  calib_save_params: {part_file_size: 0}\n")),
      HasSubstr("must be between 1"));
}

TEST(PlanV0, CombinationsThatDoNotGoAreRefused) {
  EXPECT_THAT(problems_of(v0_recipe("mm_tensor: false, w_bit: 4, is_lowbit: true, w_method: GPTQ")),
              HasSubstr("spec.calib_cfg (line 3)\n    w_method: GPTQ does not go with W8A8S"));
}

TEST(PlanV0, FieldsWithoutEffectPass) {
  EXPECT_EQ(problems_of(v0_recipe("mm_tensor: false, fraction: 0.02, group_size: 32, dev_id: 0",
                                  "  anti_cfg: null\n  batch_size: 2\n  anti_params: {}\n"
                                  "  calib_params: {mix_cfg: {}}\n  calib_save_params: null\n")),
            "");
}

TEST(PlanV0, UnknownKeysAreErrorsHereToo) {
  EXPECT_THAT(problems_of(v0_recipe("mm_tensor: false, w_bits: 8", "  calib: {}\n")),
              testing::AllOf(HasSubstr("spec.calib_cfg.w_bits (line 3)\n    unknown field; did you "
                                       "mean w_bit"),
                             HasSubstr("spec.calib (line 4)\n    unknown field")));
}

TEST(PlanV0, StaticRangesNeedData) {
  EXPECT_THAT(problems_of(v0_recipe("mm_tensor: false", "  calib_dataset: null\n")),
              HasSubstr("needs a data set"));
}

}  // namespace
}  // namespace msmodelslim
