#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipe/v0_steps.h"
#include "recipe_samples.h"

namespace msmodelslim {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string v0_recipe(const std::string& calib_cfg, const std::string& rest = "") {
  return "apiversion: modelslim_v0\nspec:\n  calib_cfg: {" + calib_cfg + "}\n" + rest;
}

LinearQuantStep linear_of(const std::string& calib_cfg) {
  const Plan plan = plan_of(v0_recipe(calib_cfg));
  return std::get<LinearQuantStep>(plan.steps.back().value);
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
  EXPECT_EQ(plan.v0->stem(), "quant_model_weight_w8a8");
  EXPECT_TRUE(plan.saves.empty());
  EXPECT_TRUE(plan.warnings.empty());
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
  const Plan plan = plan_of("apiversion: modelslim_v0\nspec: {}\n");
  EXPECT_EQ(plan.dataset, "teacher_qualification.jsonl");
  EXPECT_EQ(std::get<LinearQuantStep>(plan.steps[0].value).weight.scope, "per_tensor");
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("mm_tensor is true (its default)")));
}

TEST(PlanV0, TypesFollowFromTheArguments) {
  const std::string grouped = "mm_tensor: false, is_lowbit: true, open_outlier: false, ";
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"mm_tensor: false, pdmix: true", "W8A8_MIX"},
      {"mm_tensor: false, is_dynamic: true", "W8A8_DYNAMIC"},
      {"mm_tensor: false, a_bit: 16", "W8A16"},
      {"mm_tensor: false, a_bit: 16, w_bit: 4", "W4A16"},
      {grouped + "w_bit: 4, a_bit: 16, group_size: 128", "W4A16"},
      {grouped + "w_bit: 4, is_dynamic: true", "W4A8_DYNAMIC"},
      {"mm_tensor: false, co_sparse: true", "W8A8S"},
      {"mm_tensor: false, is_lowbit: true, w_bit: 4", "W8A8S"}};
  for (const auto& [arguments, type] : expected) EXPECT_EQ(linear_of(arguments).type, type);
  EXPECT_EQ(group_size_of(linear_of(expected[4].first).weight), 128);
  EXPECT_EQ(linear_of(expected[5].first).weight.method, "two_level");
  EXPECT_EQ(linear_of(expected[6].first).weight.method, "co_sparse");
  // Both flags: lowbit wins.
  EXPECT_EQ(linear_of("mm_tensor: false, is_lowbit: true, co_sparse: true, w_bit: 4").weight.method,
            "lowbit");
}

TEST(PlanV0, CombinationsThatDoNotExist) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"w_bit: 4", "w_bit: 4 with a_bit 8 is either sparse"},
      {"w_sym: false", "w_sym: must be true with a_bit 8"},
      {"w_method: GPTQ", "GPTQ does not go with W8A8"},
      {"w_method: NF, w_bit: 4, a_bit: 16", "nobody can read"},
      {"w_method: AWQ", "'AWQ' is unknown; known values: MinMax, GPTQ, HQQ, NF"},
      {"act_method: 4", "act_method: is 4"},
      {"act_method: 3, is_lowbit: true, w_bit: 4", "3 does not go with is_lowbit"},
      {"fraction: 0.2", "must be between 0.01 and 0.1"},
      {"sigma_factor: 2.0", "must be between 3.0 and 4.0"},
      {"pdmix: true, is_dynamic: true", "pdmix: needs"},
      {"use_kvcache_quant: true, use_fa_quant: true", "does not go with use_kvcache_quant"},
      {"a_bit: 16, w_bit: 4, is_lowbit: true, open_outlier: false, group_size: 512",
       "group_size: is 512"},
      {"w_bit: 16, a_bit: 16", "quantizes nothing"}};
  for (const auto& [arguments, reason] : bad)
    EXPECT_THAT(problems_of(v0_recipe(arguments)), HasSubstr(reason)) << arguments;
}

TEST(PlanV0, AntiMethodsBecomeSmoothing) {
  const auto smooth = [](const std::string& anti) {
    const Plan plan = plan_of(v0_recipe("mm_tensor: false", "  anti_cfg: {" + anti + "}\n"));
    return std::get<SmoothStep>(plan.steps.front().value);
  };
  EXPECT_EQ(smooth("anti_method: m1").kind, SmoothKind::kSmoothQuant);
  EXPECT_EQ(smooth("anti_method: m4").kind, SmoothKind::kIterSmooth);
  EXPECT_EQ(smooth("anti_method: m5").kind, SmoothKind::kCbq);
  EXPECT_EQ(smooth("anti_method: m6").alpha, std::nullopt);
  const SmoothStep given =
      smooth("anti_method: m6, flex_config: {alpha: 0.75, beta: 0.1}, disable_anti_names: [a.o]");
  EXPECT_EQ(given.alpha, 0.75);
  EXPECT_EQ(given.beta, 0.1);
  EXPECT_THAT(given.skip, ElementsAre("a.o"));
  const Plan awq = plan_of(v0_recipe("mm_tensor: false", "  anti_cfg: {anti_method: m3}\n"));
  EXPECT_TRUE(std::holds_alternative<AwqStep>(awq.steps.front().value));
  EXPECT_THAT(problems_of(v0_recipe("mm_tensor: false", "  anti_cfg: {anti_method: m7}\n")),
              HasSubstr("'m7' is unknown; known values: m1 to m6"));
  EXPECT_THAT(problems_of(v0_recipe("mm_tensor: false",
                                    "  anti_cfg: {anti_method: m1, disable_anti_names: [x]}\n")),
              HasSubstr("m1 does not look at them"));
}

TEST(PlanV0, MixedPlansTakeExactNamesFirst) {
  const Plan plan = plan_of(v0_recipe("mm_tensor: false",
                                      "  calib_params:\n    mix_cfg: {'*.mlp.*': w8a8_dynamic, "
                                      "a.mlp.up: float, '*': w8a16}\n"));
  const auto& group = std::get<GroupStep>(plan.steps.front().value);
  ASSERT_EQ(group.steps.size(), 3U);
  const auto& dynamic = std::get<LinearQuantStep>(group.steps[0].value);
  EXPECT_EQ(dynamic.type, "W8A8_DYNAMIC");
  EXPECT_FALSE(dynamic.filter.selects("a.mlp.up"));
  EXPECT_TRUE(dynamic.filter.selects("a.mlp.down"));
  const auto& rest = std::get<LinearQuantStep>(group.steps[1].value);
  EXPECT_EQ(rest.type, "W8A16");
  EXPECT_FALSE(rest.filter.selects("a.mlp.down"));
  EXPECT_TRUE(rest.filter.selects("a.q"));
  EXPECT_THAT(
      problems_of(v0_recipe("mm_tensor: false", "  calib_params: {mix_cfg: {'*': w2a8}}\n")),
      HasSubstr("'w2a8' is unknown"));
}

TEST(PlanV0, StatisticsDecideHistogramsAndLevels) {
  Plan plan = plan_of(
      v0_recipe("mm_tensor: false, act_method: 3", "  calib_params: {disable_level: L2}\n"));
  EXPECT_EQ(plan.v0->level, 2);
  EXPECT_TRUE(plan.v0->needs_statistics());
  plan.v0->histograms = {"a", "b"};
  plan.v0->rolled_back = {"c"};
  const std::vector<Step> steps = v0_steps(*plan.v0);
  const auto& group = std::get<GroupStep>(steps.front().value);
  const auto& histogram = std::get<LinearQuantStep>(group.steps[0].value);
  EXPECT_EQ(histogram.act.method, "histogram");
  EXPECT_TRUE(histogram.filter.selects("a"));
  const auto& minmax = std::get<LinearQuantStep>(group.steps[1].value);
  EXPECT_EQ(minmax.act.method, "minmax");
  EXPECT_FALSE(minmax.filter.selects("a"));
  EXPECT_FALSE(minmax.filter.selects("c"));
  EXPECT_TRUE(minmax.filter.selects("d"));
  for (const char* level : {"L", "L01", "5", "Lx"})
    EXPECT_THAT(
        problems_of(v0_recipe("mm_tensor: false",
                              std::string("  calib_params: {disable_level: ") + level + "}\n")),
        HasSubstr("disable_level"))
        << level;
}

TEST(PlanV0, SaveParameters) {
  const Plan plan = plan_of(v0_recipe(
      "mm_tensor: false",
      "  calib_save_params: {part_file_size: 4, safetensors_name: weights.safetensors}\n"));
  EXPECT_EQ(plan.v0->part_file_size, 4);
  EXPECT_EQ(plan.v0->stem(), "weights");
  EXPECT_THAT(
      problems_of(v0_recipe("mm_tensor: false", "  calib_save_params: {part_file_size: 0}\n")),
      HasSubstr("must be between 1"));
}

TEST(PlanV0, FieldsWithoutEffectPass) {
  EXPECT_EQ(problems_of(v0_recipe("mm_tensor: false, fraction: 0.02, group_size: 32, dev_id: 0",
                                  "  anti_cfg: null\n  batch_size: 2\n  anti_params: {}\n"
                                  "  calib_params: {mix_cfg: {}}\n  calib_save_params: null\n")),
            "");
}

TEST(PlanV0, UnknownKeysAreErrorsHereToo) {
  EXPECT_THAT(problems_of(v0_recipe("mm_tensor: false, w_bits: 8", "  calib: {}\n")),
              AllOf(HasSubstr("spec.calib_cfg.w_bits (line 3)\n    unknown field; did you "
                              "mean w_bit"),
                    HasSubstr("spec.calib (line 4)\n    unknown field")));
}

TEST(PlanV0, DataWhereItIsNeeded) {
  EXPECT_THAT(problems_of(v0_recipe("mm_tensor: false", "  calib_dataset: null\n")),
              HasSubstr("needs a data set"));
  EXPECT_FALSE(needs_data(plan_of(v0_recipe("mm_tensor: false, a_bit: 16"))));
}

}  // namespace
}  // namespace msmodelslim
