#include "advise/tune_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "advise/evaluate.h"
#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

// Of this process: tests run side by side.
std::string work_folder() {
  const std::string folder = temp_path("tune_plan");
  fs::create_directories(folder);
  return folder;
}

using testing::HasSubstr;

const std::string kDemand =
    "evaluation: {type: service_oriented, demand: {expectations: [{dataset: kl, target: '0.01', "
    "tolerance: 0.001}]}}\n";

std::string problems_of(const std::string& text) {
  try {
    parse_tune_plan(text, "plan.yaml");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(TunePlan, StandingHighWithoutATemplate) {
  const TunePlan plan = parse_tune_plan(
      "strategy: {type: standing_high, anti_outlier_strategies: [[], [{type: iter_smooth}]]}\n" +
          kDemand,
      "plan.yaml");
  const auto& strategy = std::get<StandingHigh>(plan.strategy);
  EXPECT_EQ(strategy.anti.size(), 2U);
  EXPECT_NO_THROW(make_plan(strategy.base));
  EXPECT_EQ(strategy.base.metadata.label.find("w_bit")->integer, 8);
  ASSERT_EQ(plan.evaluation.expectations.size(), 1U);
  EXPECT_DOUBLE_EQ(plan.evaluation.expectations[0].target, 0.01);
}

TEST(TunePlan, ExperienceOfEveryStructure) {
  for (const char* type : {"MHA", "GQA", "MLA", "FFN", "MoE"}) {
    const TunePlan plan = parse_tune_plan(
        fmt::format("strategy: {{type: standing_high_with_experience, quant_type: w8a8, "
                    "structure_configs: [{{type: {}, include: ['*a*']}}, {{type: DSA, include: "
                    "['*b*']}}]}}\n",
                    type) +
            kDemand,
        "plan.yaml");
    const auto& strategy = std::get<StandingHigh>(plan.strategy);
    EXPECT_EQ(strategy.anti.size(), 2U);
    const Plan made = make_plan(strategy.base);
    ASSERT_EQ(made.steps.size(), 1U);
    const auto& linear = std::get<LinearQuantStep>(made.steps[0].value);
    EXPECT_THAT(linear.filter.exclude(), testing::ElementsAre("*b*"));
    EXPECT_EQ(linear.type,
              std::string(type) == "FFN" || std::string(type) == "MoE" ? "W8A8_DYNAMIC" : "W8A8");
  }
}

TEST(TunePlan, WhatExperienceDoesNotKnow) {
  const auto problem = [](const std::string& fields) {
    return problems_of("strategy: {type: standing_high_with_experience, " + fields + "}\n" +
                       kDemand);
  };
  EXPECT_THAT(problem("quant_type: w4a8, structure_configs: [{type: FFN, include: ['*']}]"),
              HasSubstr("no experience with 'FFN' for w4a8"));
  EXPECT_THAT(problem("quant_type: w2a8, structure_configs: []"), HasSubstr("w8a8 or w4a8"));
  EXPECT_THAT(problem("structure_configs: []"), HasSubstr("one structure"));
  EXPECT_THAT(problem("structure_configs: [{type: SWA, include: ['*']}]"),
              HasSubstr("nothing to quantize"));
  EXPECT_EQ(problem("quant_type: w4a8, structure_configs: [{type: MoE, include: ['*']}]"), "");
}

TEST(TunePlan, BinaryFallback) {
  const std::string text = R"(
strategy:
  type: binary_fallback
  template:
    apiversion: modelslim_v1
    metadata: {config_id: mine}
    spec:
      process: [{type: linear_quant, qconfig: {act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}, weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}}}]
      save: [{type: ascendv1_saver}]
  rollback_path: spec.process.0.exclude
  rollback_candidates: ['*down_proj']
)";
  const TunePlan plan = parse_tune_plan(text + kDemand, "plan.yaml");
  const auto& strategy = std::get<BinaryFallback>(plan.strategy);
  EXPECT_EQ(strategy.base.metadata.config_id, "mine");
  EXPECT_THAT(strategy.path, testing::ElementsAre("spec", "process", "0", "exclude"));
  std::string other = text;
  other.replace(other.find("modelslim_v1"), 12, "modelslim_v0");
  EXPECT_THAT(problems_of(other + kDemand), HasSubstr("modelslim_v1"));
}

TEST(TunePlan, ListsAllThatIsWrong) {
  const std::string problems = problems_of(
      "strategy: {type: standing_low}\n"
      "evaluation: {demand: {expectations: [{dataset: kl, target: 0, tolerance: -1}, {dataset: "
      "gsm8k, target: 1, tolerance: 0}, {dataset: livecode, target: 1, tolerance: 0}]}}\n");
  for (const char* part : {"standing_high_with_experience", "above 0", "from 0 on", "questions",
                           "'livecode' is not among"})
    EXPECT_THAT(problems, HasSubstr(part));
  EXPECT_THAT(problems_of("strategy: {type: standing_high}\n" + kDemand),
              HasSubstr("anti_outlier_strategies"));
  EXPECT_THAT(problems_of("strategy: 3\n"), HasSubstr("evaluation"));
}

TEST(TunePlan, CommandsGiveAnyFigure) {
  const TunePlan plan = parse_tune_plan(
      "strategy: {type: standing_high, anti_outlier_strategies: [[]]}\n"
      "evaluation: {demand: {expectations: [{dataset: mine, target: 80, tolerance: 1}]}, "
      "evaluation: {type: command, command: 'echo hello; echo \"{\\\"mine\\\": 79.5}\"'}}\n",
      "plan.yaml");
  const Figures figures = evaluate_folder(plan.evaluation, work_folder(), work_folder());
  EXPECT_DOUBLE_EQ(figures.at("mine"), 79.5);
  EXPECT_TRUE(meets_all(plan.evaluation.expectations, figures));
  EXPECT_FALSE(meets_all(plan.evaluation.expectations, {{"mine", 78.9}}));
  EXPECT_FALSE(meets_all(plan.evaluation.expectations, {}));
  EXPECT_THROW(figures_of_output("", plan.evaluation), DataError);
  EXPECT_THROW(figures_of_output("{\"other\": 3}", plan.evaluation), DataError);
}

TEST(TunePlan, AFailedCommandIsNoBadRecipe) {
  TuneEvaluation evaluation;
  evaluation.expectations = {{"mine", 1, 0}};
  evaluation.command = "exit 3";
  EXPECT_THROW(evaluate_folder(evaluation, "x", work_folder()), DataError);
  evaluation.command = "sleep 20";
  evaluation.timeout = 1;
  EXPECT_THROW(evaluate_folder(evaluation, "x", work_folder()), DataError);
  evaluation.command = "echo '{\"mine\": 1}'";
  evaluation.server = "exit 4";
  evaluation.base_url = "http://127.0.0.1:9/v1";
  EXPECT_THROW(evaluate_folder(evaluation, "x", work_folder()), DataError);
}

TEST(Expectation, LossesAreBetterWhenSmall) {
  EXPECT_TRUE(meets({"kl", 0.01, 0.002}, 0.012));
  EXPECT_FALSE(meets({"kl", 0.01, 0.002}, 0.0121));
  EXPECT_TRUE(meets({"gsm8k", 0.8, 0.1}, 0.7));
  EXPECT_FALSE(meets({"gsm8k", 0.8, 0.1}, 0.69));
}

TEST(Duration, IsReadAsThePythonToolDoes) {
  EXPECT_EQ(parse_duration("1D2H3M4S"), 93784);
  EXPECT_EQ(parse_duration("90M"), 5400);
  EXPECT_EQ(parse_duration("1H4S"), 3604);
  for (const char* wrong : {"", "H", "1M1H", "1h", "5", "1H 2M", "-1H", "1H1H", "9999999999S"})
    EXPECT_THROW(parse_duration(wrong), UsageError) << wrong;
}

}  // namespace
}  // namespace msmodelslim
