#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipe_samples.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kInt4Act = "{dtype: int4, scope: per_token, symmetric: true, method: autoround}";

// An entry with one strategy per pair of act and weight.
std::string entry(const std::vector<std::pair<std::string, std::string>>& pairs,
                  const std::string& more = "") {
  std::string text = "    - type: autoround_quant\n" + more + "      strategies:\n";
  for (const auto& [act, weight] : pairs)
    text += "        - qconfig: {act: " + act + ", weight: " + weight + "}\n";
  return text;
}

std::string weight(const std::string& dtype, const std::string& scope, bool symmetric,
                   const std::string& ext = "{}") {
  return "{dtype: " + dtype + ", scope: " + scope +
         ", symmetric: " + (symmetric ? "true" : "false") + ", method: any words, ext: " + ext +
         "}";
}

const AutoroundStep& only_step(const Plan& plan) {
  return std::get<AutoroundStep>(plan.steps.at(0).value);
}

TEST(Autoround, Defaults) {
  const Plan plan = plan_of(v1_recipe(entry({{kInt4Act, weight("int4", "per_channel", true)}})));
  const AutoroundStep& step = only_step(plan);
  EXPECT_EQ(step.iters, 10);
  EXPECT_TRUE(step.tune_minmax);
  EXPECT_TRUE(step.tune_round);
  ASSERT_EQ(step.strategies.size(), 1U);
  EXPECT_EQ(step.strategies[0].type, "W4A4_DYNAMIC");
  EXPECT_THAT(step.strategies[0].filter.include(), ElementsAre("*"));
  EXPECT_THAT(plan.warnings, IsEmpty());
  EXPECT_TRUE(needs_data(plan));
  EXPECT_DOUBLE_EQ(learning_rate(step, step.strategies[0]), 0.5);
}

TEST(Autoround, LearningRate) {
  AutoroundStep step;
  step.iters = 20;
  LinearQuantStep strategy;
  strategy.weight.dtype = "int4";
  EXPECT_DOUBLE_EQ(learning_rate(step, strategy), 0.05);
  strategy.act.dtype = "int8";
  EXPECT_DOUBLE_EQ(learning_rate(step, strategy), 0.25);
  step.lr = 0.01;
  EXPECT_DOUBLE_EQ(learning_rate(step, strategy), 0.01);
  const std::string pair = weight("int4", "per_channel", true);
  EXPECT_EQ(only_step(plan_of(v1_recipe(entry({{kInt4Act, pair}}, "      lr: 0.02\n")))).lr, 0.02);
  EXPECT_THAT(problems_of(v1_recipe(entry({{kInt4Act, pair}}, "      lr: 0\n"))),
              HasSubstr("must be greater than 0"));
}

TEST(Autoround, FieldsOfOurOwn) {
  const std::string none = "{dtype: float, scope: per_tensor, symmetric: true, method: none}";
  const std::string group = weight("int4", "per_group", true, "{group_size: 64, full_range: true}");
  const Plan plan = plan_of(
      v1_recipe(entry({{none, group}}, "      loss: squared\n      quantized_inputs: true\n")));
  EXPECT_TRUE(only_step(plan).squared_loss);
  EXPECT_TRUE(only_step(plan).quantized_inputs);
  EXPECT_THAT(plan.warnings, IsEmpty());
  const AutoroundStep plain = only_step(plan_of(v1_recipe(entry({{none, group}}))));
  EXPECT_FALSE(plain.squared_loss);
  EXPECT_FALSE(plain.quantized_inputs);
  EXPECT_THAT(problems_of(v1_recipe(entry({{none, group}}, "      loss: cubic\n"))),
              HasSubstr("must be one of absolute, squared"));
  const auto problem = [&](bool symmetric, const std::string& value) {
    return problems_of(
        v1_recipe(entry({{none, weight("int4", "per_group", symmetric,
                                       "{group_size: 64, full_range: " + value + "}")}})));
  };
  EXPECT_THAT(problem(true, "7"), HasSubstr("must be true or false"));
  EXPECT_THAT(problem(false, "true"), HasSubstr("belongs to symmetric only"));
  EXPECT_THAT(problems_of(v1_recipe(
                  entry({{kInt4Act, weight("int4", "per_channel", true, "{full_range: true}")}}))),
              HasSubstr("full_range is for weights alone"));
}

TEST(Autoround, EveryPairThatAFormatHolds) {
  const std::string int8_token = "{dtype: int8, scope: per_token, symmetric: true, method: x}";
  const std::string int8_tensor = "{dtype: int8, scope: per_tensor, symmetric: false, method: x}";
  const std::string none = "{dtype: float, scope: per_tensor, symmetric: true, method: none}";
  const Plan plan = plan_of(
      v1_recipe(entry({{kInt4Act, weight("int4", "per_group", false, "{group_size: 32}")},
                       {int8_token, weight("int8", "per_channel", true, "{scale_dtype: float16}")},
                       {int8_token, weight("int4", "per_channel", true)},
                       {int8_tensor, weight("int8", "per_channel", true)},
                       {none, weight("int8", "per_group", false, "{group_size: 64}")},
                       {none, weight("float", "per_channel", true)}},
                      "      iters: 200\n      enable_round_tuning: false\n")));
  std::vector<std::string> types;
  for (const LinearQuantStep& strategy : only_step(plan).strategies) types.push_back(strategy.type);
  EXPECT_THAT(
      types, ElementsAre("W4A4_DYNAMIC", "W8A8_DYNAMIC", "W4A8_DYNAMIC", "W8A8", "W8A16", "FLOAT"));
  EXPECT_EQ(only_step(plan).iters, 200);
  EXPECT_FALSE(only_step(plan).tune_round);
}

TEST(Autoround, ProblemsBeforeWork) {
  const auto problem = [](const std::string& process) { return problems_of(v1_recipe(process)); };
  const std::string good = weight("int4", "per_channel", true);
  EXPECT_THAT(problem(entry({{kInt4Act, good}},
                            "      enable_minmax_tuning: false\n      enable_round_tuning: no\n")),
              HasSubstr("nothing would be learned"));
  EXPECT_THAT(problem(entry({{kInt4Act, good}}, "      iters: 0\n")),
              HasSubstr("must be between 1 and"));
  EXPECT_THAT(problem("    - {type: autoround_quant}\n"), HasSubstr("is required and missing"));
  EXPECT_THAT(problem("    - {type: autoround_quant, strategies: []}\n"), HasSubstr("is empty"));
  const std::string asymmetric = "{dtype: int4, scope: per_token, symmetric: false, method: x}";
  EXPECT_THAT(problem(entry({{kInt4Act, good}, {asymmetric, good}})),
              testing::AllOf(HasSubstr("strategies.1.qconfig"),
                             HasSubstr("no output format holds activations int4 per_token "
                                       "asymmetric with weights int4 per_channel symmetric")));
  EXPECT_THAT(problem(entry({{kInt4Act, weight("int4", "per_group", true)}})),
              HasSubstr("group_size (line"));
  EXPECT_THAT(problem(entry({{kInt4Act, weight("int4", "per_channel", true, "{group_size: 8}")}})),
              HasSubstr("belongs to scope per_group only"));
  EXPECT_THAT(
      problem(entry({{kInt4Act, weight("int4", "per_channel", true, "{scale_dtype: float64}")}})),
      HasSubstr("must be one of bfloat16, float16, float32"));
  EXPECT_THAT(problem(entry({{kInt4Act, weight("mxfp8", "per_block", true)}})),
              HasSubstr("'mxfp8' cannot be learned"));
  EXPECT_THAT(problem(entry({{kInt4Act, good}}, "      rounds: 3\n")), HasSubstr("unknown field"));
  EXPECT_THAT(problem("    - type: group\n      configs:\n        - type: autoround_quant\n"
                      "          strategies: [{qconfig: {act: " +
                      kInt4Act + ", weight: " + good + "}}]\n"),
              HasSubstr("put it behind the group"));
}

TEST(Autoround, WordsWithoutEffectAreWarnings) {
  const Plan plan = plan_of(
      v1_recipe(entry({{kInt4Act, weight("int4", "per_channel", true, "{block_size: 3}")}})));
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("weight.ext.block_size")));
}

}  // namespace
}  // namespace msmodelslim
