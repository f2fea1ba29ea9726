#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipe_samples.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

template <typename T>
const T& step_at(const Plan& plan, std::size_t index) {
  return std::get<T>(plan.steps.at(index).value);
}

TEST(PlanV1, DefaultsOfTheSpec) {
  const Plan plan = plan_of(v1_recipe(kStaticLinear));
  EXPECT_EQ(plan.apiversion, "modelslim_v1");
  EXPECT_EQ(plan.config_id, "Unknown");
  EXPECT_EQ(plan.dataset, "mix_calib.jsonl");
  EXPECT_EQ(plan.runner, Runner::kAuto);
  EXPECT_FALSE(plan.v0.has_value());
  ASSERT_EQ(plan.saves.size(), 1U);
  EXPECT_EQ(plan.saves[0].type, "ascendv1_saver");
  EXPECT_EQ(plan.saves[0].part_file_size, 4);
  EXPECT_THAT(plan.warnings, IsEmpty());
  EXPECT_TRUE(needs_data(plan));
}

TEST(PlanV1, StaticLinear) {
  const Plan plan = plan_of(v1_recipe(kStaticLinear));
  const auto& linear = step_at<LinearQuantStep>(plan, 0);
  EXPECT_EQ(linear.type, "W8A8");
  EXPECT_EQ(linear.act.dtype, "int8");
  EXPECT_FALSE(linear.act.symmetric);
  EXPECT_EQ(aggregation_of(linear.act), Aggregation::kMax);
  EXPECT_THAT(linear.filter.include(), ElementsAre("*"));
  EXPECT_EQ(plan.steps[0].path, "spec.process.0.linear_quant");
  EXPECT_EQ(plan.steps[0].line, 4);
}

TEST(PlanV1, WeightOnlyAndDynamicNeedNoData) {
  const Plan weight_only = plan_of(v1_recipe(
      "    - {type: linear_quant, qconfig: {weight: {dtype: int8, scope: per_channel, symmetric: "
      "true, method: minmax}}}\n"));
  EXPECT_EQ(step_at<LinearQuantStep>(weight_only, 0).type, "W8A16");
  EXPECT_TRUE(step_at<LinearQuantStep>(weight_only, 0).act.is_float());
  EXPECT_FALSE(needs_data(weight_only));
  const Plan dynamic = plan_of(v1_recipe(
      "    - {type: linear_quant, qconfig: {act: {dtype: int8, scope: per_token, symmetric: 'yes', "
      "method: minmax}, weight: {dtype: int8, scope: per_channel, symmetric: 1, method: "
      "minmax}}}\n"));
  EXPECT_EQ(step_at<LinearQuantStep>(dynamic, 0).type, "W8A8_DYNAMIC");
  EXPECT_FALSE(needs_data(dynamic));
}

TEST(PlanV1, MeanAggregation) {
  const Plan plan = plan_of(v1_recipe(
      "    - {type: linear_quant, qconfig: {act: {dtype: int8, scope: per_tensor, symmetric: true, "
      "method: minmax, ext: {aggregation_type: mean}}, weight: {dtype: int8, scope: per_channel, "
      "symmetric: true, method: minmax}}}\n"));
  EXPECT_EQ(aggregation_of(step_at<LinearQuantStep>(plan, 0).act), Aggregation::kMean);
}

TEST(PlanV1, SmoothDefaults) {
  const Plan plan = plan_of(v1_recipe(std::string("    - type: smooth_quant\n"
                                                  "    - type: iter_smooth\n"
                                                  "    - type: flex_smooth_quant\n") +
                                      kStaticLinear));
  const auto& smooth = step_at<SmoothStep>(plan, 0);
  EXPECT_EQ(smooth.kind, SmoothKind::kSmoothQuant);
  EXPECT_EQ(smooth.alpha, 0.5);
  EXPECT_TRUE(smooth.symmetric);
  EXPECT_THAT(smooth.subgraph_types, ElementsAre("norm-linear"));
  EXPECT_TRUE(smooth.filter.selects("model.norm"));
  const auto& iter = step_at<SmoothStep>(plan, 1);
  EXPECT_EQ(iter.alpha, 0.9);
  EXPECT_EQ(iter.scale_min, 1e-5);
  EXPECT_THAT(iter.subgraph_types, ElementsAre("linear-linear", "norm-linear", "ov", "up-down"));
  const auto& flex = step_at<SmoothStep>(plan, 2);
  EXPECT_EQ(flex.alpha, std::nullopt);
  EXPECT_EQ(flex.beta, std::nullopt);
}

constexpr const char* kInt4 = "{dtype: int4, scope: per_channel, symmetric: true, method: ssz}";

TEST(PlanV1, SearchesForAQuantizer) {
  const std::string pair = fmt::format(
      "{{act: {{dtype: int8, scope: per_token, symmetric: true, method: minmax}}, "
      "weight: {}}}",
      kInt4);
  const Plan plan = plan_of(v1_recipe(
      fmt::format("    - {{type: awq, weight_qconfig: {}}}\n"
                  "    - {{type: awq, weight_qconfig: {}, n_grid: '7', search_rows: 100,\n"
                  "       enable_subgraph_type: [ov], exclude: ['*x']}}\n"
                  "    - {{type: flex_awq_ssz, beta: 0.2, search_rows: 9, qconfig: {}}}\n",
                  kInt4, kInt4, pair) +
      kStaticLinear));
  const auto& plain = step_at<AwqStep>(plan, 0);
  EXPECT_EQ(plain.n_grid, 20);
  EXPECT_EQ(plain.search_rows, 4096);
  EXPECT_EQ(plain.weight.method, "ssz");
  EXPECT_THAT(plain.subgraph_types, ElementsAre("linear-linear", "norm-linear", "ov", "up-down"));
  EXPECT_TRUE(needs_data(plan.steps[0]));
  const auto& given = step_at<AwqStep>(plan, 1);
  EXPECT_EQ(given.n_grid, 7);
  EXPECT_EQ(given.search_rows, 100);
  EXPECT_THAT(given.subgraph_types, ElementsAre("ov"));
  const auto& flex = step_at<SmoothStep>(plan, 2);
  EXPECT_EQ(flex.kind, SmoothKind::kFlexAwqSsz);
  EXPECT_EQ(flex.alpha, std::nullopt);
  EXPECT_EQ(flex.search_rows, 9);
  EXPECT_EQ(flex.act.scope, "per_token");
  EXPECT_EQ(flex.weight.dtype, "int4");
}

TEST(PlanV1, SearchesForAQuantizerAreChecked) {
  const auto problems = [](const std::string& entry) { return problems_of(v1_recipe(entry)); };
  EXPECT_THAT(problems("    - {type: awq}\n"),
              HasSubstr("awq.weight_qconfig (line 4)\n    is required and missing"));
  EXPECT_THAT(problems("    - {type: flex_awq_ssz, alpha: 0.5}\n"),
              HasSubstr("flex_awq_ssz.qconfig (line 4)\n    is required and missing"));
  const std::string gptq = "{dtype: int4, scope: per_channel, symmetric: true, method: gptq}";
  EXPECT_THAT(problems("    - {type: awq, n_grid: 0, weight_qconfig: " + gptq + "}\n"),
              testing::AllOf(HasSubstr("n_grid (line 4)\n    must be between 1"),
                             HasSubstr("int4 per_channel symmetric gptq needs calibration data")));
  EXPECT_THAT(
      problems("    - {type: flex_awq_ssz, search_rows: -1, qconfig: {weight: " + gptq + "}}\n"),
      testing::AllOf(HasSubstr("search_rows (line 4)\n    must be between 0"),
                     HasSubstr("int4 per_channel symmetric gptq needs calibration data")));
  EXPECT_THAT(problems("    - {type: iter_smooth, search_rows: 5}\n"),
              HasSubstr("search_rows (line 4)\n    unknown field"));
}

TEST(PlanV1, SmoothValuesAreCoercedAsPydanticDoes) {
  const Plan plan = plan_of(v1_recipe(
      std::string("    - {type: iter_smooth, alpha: '0.7', scale_min: 1e-4, symmetric: 'off', "
                  "enable_subgraph_type: [ov], include: null, exclude: ['*x']}\n") +
      kStaticLinear));
  const auto& iter = step_at<SmoothStep>(plan, 0);
  EXPECT_EQ(iter.alpha, 0.7);
  EXPECT_EQ(iter.scale_min, 1e-4);
  EXPECT_FALSE(iter.symmetric);
  EXPECT_THAT(iter.subgraph_types, ElementsAre("ov"));
  EXPECT_THAT(iter.filter.exclude(), ElementsAre("*x"));
}

TEST(PlanV1, GroupsNest) {
  std::string inner = kStaticLinear;
  for (std::size_t at = 0; (at = inner.find("    ", at)) != std::string::npos;) {
    inner.insert(at, "    ");
    at = inner.find('\n', at);
  }
  const Plan plan = plan_of(v1_recipe("    - type: group\n      configs:\n" + inner));
  const auto& group = step_at<GroupStep>(plan, 0);
  ASSERT_EQ(group.steps.size(), 1U);
  EXPECT_EQ(group.steps[0].path, "spec.process.0.group.configs.0.linear_quant");
  EXPECT_TRUE(needs_data(plan.steps[0]));
}

TEST(PlanV1, RunnerDatasetAndSaver) {
  const Plan plan = plan_of(
      "apiversion: modelslim_v1\nspec:\n  runner: model_wise\n  dataset: x.jsonl\n"
      "  prior: []\n  process:\n" +
      std::string(kStaticLinear) +
      "  save: [{type: ascendv1_saver, part_file_size: 8.0, ext: {a: 1}, save_directory: q}]\n");
  EXPECT_EQ(plan.runner, Runner::kModelWise);
  EXPECT_EQ(plan.dataset, "x.jsonl");
  EXPECT_EQ(plan.saves[0].part_file_size, 8);
}

TEST(PlanV1, AllProblemsAreReportedTogether) {
  const std::string text = problems_of(
      "apiversion: modelslim_v1\n"
      "spec:\n"
      "  runner: fast\n"
      "  process:\n"
      "    - type: linear_quant\n"
      "      includ: ['*']\n"
      "      qconfig:\n"
      "        weight: {dtype: int9, scope: per_channel, symmetric: maybe, method: minmax, x: 1}\n"
      "    - type: iter_smoth\n"
      "  save: [{type: ascendv1_saver, part_file_size: -1}]\n"
      "  extra: 1\n");
  EXPECT_THAT(text, HasSubstr("r.yaml: 8 problems found"));
  EXPECT_THAT(text, HasSubstr("spec.runner (line 3)\n    'fast' is unknown"));
  EXPECT_THAT(text, HasSubstr("spec.process.0.linear_quant.includ (line 6)\n    unknown field; did "
                              "you mean include"));
  EXPECT_THAT(text, HasSubstr("spec.process.0.linear_quant.qconfig.weight.dtype (line 8)\n    "
                              "'int9' is unknown; known values: float, int8"));
  EXPECT_THAT(text, HasSubstr("weight.symmetric (line 8)\n    must be true or false"));
  EXPECT_THAT(text, HasSubstr("weight.x (line 8)\n    unknown field"));
  EXPECT_THAT(text, HasSubstr("spec.process.1.type (line 9)\n    the processor 'iter_smoth' is "
                              "unknown"));
  EXPECT_THAT(text, HasSubstr("spec.save.0.part_file_size (line 10)\n    must be between 0"));
  EXPECT_THAT(text, HasSubstr("spec.extra (line 11)\n    unknown field"));
}

TEST(PlanV1, MissingFieldsOfAQConfig) {
  const std::string text =
      problems_of(v1_recipe("    - {type: linear_quant, qconfig: {weight: {dtype: int8}}}\n"));
  for (const char* key : {"scope", "symmetric", "method"})
    EXPECT_THAT(text, HasSubstr(std::string("qconfig.weight.") + key)) << key;
  EXPECT_THAT(problems_of(v1_recipe("    - {type: linear_quant}\n")),
              HasSubstr("spec.process.0.linear_quant.qconfig (line 4)\n    is required"));
  EXPECT_THAT(
      problems_of(v1_recipe("    - {type: linear_quant, qconfig: {act: null, weight: {dtype: "
                            "int8, scope: per_channel, symmetric: true, method: minmax}}}\n")),
      HasSubstr("qconfig.act (line 4)\n    must be a mapping"));
}

TEST(PlanV1, UnknownQuantizersArePlainlyUnknown) {
  const std::string text = problems_of(
      v1_recipe("    - {type: linear_quant, qconfig: {weight: {dtype: int8, scope: per_channel, "
                "symmetric: false, method: ssz}}}\n"));
  EXPECT_THAT(text, HasSubstr("there is no weight quantizer (int8, per_channel, symmetric false, "
                              "ssz); with int8 there are: (int8, per_channel, symmetric true, "
                              "minmax)"));
  EXPECT_THAT(text, Not(HasSubstr("not built yet")));
}

TEST(PlanV1, PairsWithoutAFormatAreRefusedAtOnce) {
  EXPECT_THAT(problems_of(v1_recipe(
                  "    - {type: linear_quant, qconfig: {act: {dtype: int8, scope: per_token, "
                  "symmetric: false, method: minmax}, weight: {dtype: int8, scope: per_channel, "
                  "symmetric: true, method: minmax}}}\n")),
              HasSubstr("no output format holds activations int8 per_token asymmetric minmax with "
                        "weights int8 per_channel symmetric minmax; such weights go with "
                        "activations: float, int8 per_tensor, int8 per_token symmetric, int8 "
                        "pd_mix asymmetric"));
  const std::string fp8 = "dtype: fp8_e4m3, symmetric: true, method: minmax";
  for (const char* act : {"per_tensor", "per_channel"})
    EXPECT_THAT(problems_of(v1_recipe("    - {type: linear_quant, qconfig: {act: {" + fp8 +
                                      ", scope: " + act + "}, weight: {" + fp8 +
                                      ", scope: per_channel}}}\n")),
                HasSubstr("such weights go with activations: fp8_e4m3 per_token symmetric"));
  EXPECT_THAT(problems_of(v1_recipe("    - {type: linear_quant, qconfig: {weight: {" + fp8 +
                                    ", scope: per_channel}}}\n")),
              HasSubstr("no output format"));
}

TEST(PlanV1, WhatIsNotBuiltYetSaysSo) {
  EXPECT_THAT(problems_of(v1_recipe("    - {type: online_quarot}\n")),
              HasSubstr("the processor online_quarot is not built yet"));
  EXPECT_THAT(problems_of(v1_recipe("    - {type: quarot, blok_size: 32}\n")),
              HasSubstr("unknown field; did you mean block_size"));
  EXPECT_THAT(problems_of("apiversion: multimodal_vlm_modelslim_v1\nspec: {}\n"),
              HasSubstr("apiversion (line 1)\n    multimodal_vlm_modelslim_v1 is not built yet"));
  EXPECT_THAT(
      problems_of("apiversion: modelslim_v1\nspec:\n  process:\n" + std::string(kStaticLinear) +
                  "  save: [{type: ascendv1_saver_distributed}]\n"),
      HasSubstr("the saver ascendv1_saver_distributed is not built yet"));
}

std::string with_prior(const std::string& prior) {
  return "apiversion: modelslim_v1\nspec:\n  prior: " + prior + "\n  process:\n" +
         std::string(kStaticLinear) + "  save: [{type: ascendv1_saver}]\n";
}

TEST(PlanV1, PriorStages) {
  const Plan fitted = plan_of(
      "apiversion: modelslim_v1\nspec:\n  prior:\n    - dataset: x.jsonl\n      process: [{type: "
      "adapt_rotation, stage: 1, steps: 7, quant_dtype: int8, layer_type: [q_proj]}]\n  process:\n"
      "    - {type: adapt_rotation, stage: 2, max_tp_size: 1}\n" +
      std::string(kStaticLinear) + "  save: [{type: ascendv1_saver}]\n");
  ASSERT_EQ(fitted.priors.size(), 1U);
  EXPECT_EQ(fitted.priors[0].dataset, "x.jsonl");
  ASSERT_EQ(fitted.priors[0].steps.size(), 1U);
  EXPECT_EQ(fitted.priors[0].steps[0].steps, 7);
  EXPECT_EQ(fitted.priors[0].steps[0].bits, 8);
  EXPECT_THAT(fitted.priors[0].steps[0].layer_types, ElementsAre("q_proj"));
  EXPECT_TRUE(step_at<QuaRotStep>(fitted, 0).adapted);
  EXPECT_FALSE(step_at<QuaRotStep>(fitted, 0).export_extra_info);
  EXPECT_THAT(fitted.warnings, IsEmpty());

  EXPECT_THAT(problems_of(with_prior("[{proces: []}]")),
              HasSubstr("unknown field; did you mean process"));
  EXPECT_THAT(problems_of(with_prior("[{process: [{type: adapt_rotation}]}]")),
              HasSubstr("spec.prior.0.process.0.stage"));
  EXPECT_THAT(problems_of(with_prior("[{process: [{type: adapt_rotation, stage: 2}]}]")),
              HasSubstr("belongs under spec.process"));
  EXPECT_THAT(problems_of(with_prior("[{process: [{type: adapt_rotation, stage: 1, online: 1}]}]")),
              HasSubstr("unknown field"));
  EXPECT_THAT(problems_of(with_prior("[{process: [{type: iter_smooth}]}]")),
              HasSubstr("only adapt_rotation with stage 1"));
  EXPECT_THAT(problems_of(v1_recipe("    - {type: adapt_rotation, stage: 1}\n")),
              HasSubstr("belongs under spec.prior"));
  EXPECT_THAT(problems_of(with_prior("[{process: [], dataset: 3}]")), HasSubstr("must be text"));
  EXPECT_THAT(problems_of(with_prior("{process: []}")), HasSubstr("must be a list"));
  const Plan plan = plan_of(with_prior("[{process: [], dataset: x.jsonl}]"));
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("spec.prior.0 has no process entries")));
  const Plan alone = plan_of(with_prior("[{process: [{type: adapt_rotation, stage: 1}]}]"));
  EXPECT_THAT(alone.warnings, ElementsAre(HasSubstr("has no stage 2")));
}

TEST(PlanV1, SvdResidual) {
  const Plan plan = plan_of(v1_recipe(std::string("    - {type: svd_res}\n"
                                                  "    - {type: svd_res, rank: 8, include: "
                                                  "['*mlp*'], exclude: ['*up*']}\n"
                                                  "    - {type: svd_res, include: []}\n") +
                                      kStaticLinear));
  EXPECT_EQ(step_at<SvdResidualStep>(plan, 0).rank, 32);
  EXPECT_TRUE(step_at<SvdResidualStep>(plan, 0).filter.selects("x"));
  EXPECT_EQ(step_at<SvdResidualStep>(plan, 1).rank, 8);
  EXPECT_FALSE(step_at<SvdResidualStep>(plan, 1).filter.selects("mlp.up"));
  EXPECT_TRUE(step_at<SvdResidualStep>(plan, 2).filter.selects_nothing());
  EXPECT_FALSE(needs_data(plan.steps[0]));
  for (const char* bad : {"rank: 0", "rank: x", "rank: 1.5", "ranks: 3"})
    EXPECT_THAT(
        problems_of(v1_recipe(fmt::format("    - {{type: svd_res, {}}}\n", bad) + kStaticLinear)),
        Not(IsEmpty()))
        << bad;
}

TEST(PlanV1, FloatSparse) {
  const Plan plan =
      plan_of(v1_recipe("    - {type: float_sparse}\n"
                        "    - {type: float_sparse, sparse_ratio: 1, include: []}\n"
                        "    - {type: float_sparse, sparse_ratio: 0.0}\n"));
  EXPECT_EQ(step_at<FloatSparseStep>(plan, 0).ratio, 0.3);
  EXPECT_EQ(step_at<FloatSparseStep>(plan, 1).ratio, 1.0);
  EXPECT_TRUE(step_at<FloatSparseStep>(plan, 1).filter.selects("x"));
  EXPECT_TRUE(needs_data(plan));
  for (const char* bad : {"sparse_ratio: 1.1", "sparse_ratio: -0.1", "sparse_ratio: nan",
                          "sparse_ratio: a", "ratio: 0.3"})
    EXPECT_THAT(problems_of(v1_recipe(fmt::format("    - {{type: float_sparse, {}}}\n", bad))),
                Not(IsEmpty()))
        << bad;
}

TEST(PlanV1, ARecipeThatQuantizesNothingIsRefused) {
  for (const char* process :
       {"    []\n", "    - {type: iter_smooth}\n", "    - {type: group, configs: []}\n",
        "    - {type: linear_quant, include: [], qconfig: {weight: {dtype: int8, scope: "
        "per_channel, "
        "symmetric: true, method: minmax}}}\n"})
    EXPECT_THAT(problems_of(v1_recipe(process)), HasSubstr("quantizes nothing")) << process;
  EXPECT_THAT(problems_of("apiversion: modelslim_v1\nspec: {save: [{type: ascendv1_saver}]}\n"),
              HasSubstr("quantizes nothing"));
}

TEST(PlanV1, ARecipeThatSavesNothingIsRefused) {
  const std::string head =
      "apiversion: modelslim_v1\nspec:\n  process:\n" + std::string(kStaticLinear);
  EXPECT_THAT(problems_of(head), HasSubstr("nothing would be written"));
  EXPECT_THAT(problems_of(head + "  save: []\n"), HasSubstr("nothing would be written"));
  EXPECT_THAT(problems_of(head + "  save: [{type: ascendv1_saver}, {type: ascendv1_saver}]\n"),
              HasSubstr("twice"));
  EXPECT_THAT(problems_of(head + "  save: [{type: ascendv1_saver}, {type: compressed_tensors}]\n"),
              HasSubstr("a folder holds one format"));
  EXPECT_THAT(problems_of(v1_recipe(std::string(kStaticLinear) + "    - type: ascendv1_saver\n")),
              HasSubstr("belongs under spec.save"));
}

TEST(PlanV1, ProcessEntriesMustBeMappings) {
  EXPECT_THAT(problems_of(v1_recipe("    - linear_quant\n")),
              HasSubstr("spec.process.0 (line 4)\n    must be a mapping with a type"));
  EXPECT_THAT(problems_of(v1_recipe("    - {alpha: 1}\n")),
              HasSubstr("spec.process.0.type (line 4)\n    is required"));
  EXPECT_THAT(problems_of("apiversion: modelslim_v1\nspec: {process: null}\n"),
              HasSubstr("must be a list, found null"));
}

TEST(PlanV1, RangesOfSmoothing) {
  const auto smooth = [](const std::string& fields) {
    return problems_of(
        v1_recipe("    - {type: flex_smooth_quant, " + fields + "}\n" + kStaticLinear));
  };
  EXPECT_EQ(smooth("alpha: 0.5, beta: 1.0e-3"), "");
  EXPECT_THAT(smooth("alpha: 0"), HasSubstr("must be greater than 0 and less than 1"));
  EXPECT_THAT(smooth("beta: 1.0"), HasSubstr("must be greater than 0 and less than 1"));
  EXPECT_THAT(smooth("alpha: null"), HasSubstr("must be a number, found null"));
  EXPECT_THAT(smooth("alpha: .nan"), HasSubstr("must be greater"));
  EXPECT_THAT(smooth("symmetric: true"), HasSubstr("unknown field"));
  EXPECT_THAT(smooth("enable_subgraph_type: [norm_linear]"),
              HasSubstr("'norm_linear' is unknown; known values: norm-linear"));
}

TEST(PlanV1, Patterns) {
  const auto linear = [](const std::string& fields) {
    return problems_of(
        v1_recipe("    - {type: linear_quant, qconfig: {weight: {dtype: int8, scope: per_channel, "
                  "symmetric: true, method: minmax}}, " +
                  fields + "}\n"));
  };
  EXPECT_EQ(linear("include: ['*'], exclude: []"), "");
  EXPECT_THAT(linear("include: null"), HasSubstr("must be a list of text, found null"));
  EXPECT_THAT(linear("include: '*'"), HasSubstr("must be a list of text, found the text '*'"));
  EXPECT_THAT(linear("exclude: [1]"), HasSubstr("exclude.0 (line 4)\n    must be text"));
  EXPECT_THAT(linear("exclude: ['{1..2000}']"), HasSubstr("more than 1000 names"));
  EXPECT_THAT(linear("exclude: [" + std::string(201, 'a') + "]"), HasSubstr("longer than 200"));
}

TEST(PlanV1, ExtKeysWithoutEffectAreWarnings) {
  const Plan plan = plan_of(v1_recipe(
      "    - {type: linear_quant, qconfig: {weight: {dtype: int8, scope: per_channel, symmetric: "
      "true, method: minmax, ext: {group_size: 64}}}}\n"));
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("ext.group_size (line 4) has no effect")));
  EXPECT_THAT(problems_of(v1_recipe(
                  "    - {type: linear_quant, qconfig: {act: {dtype: int8, scope: per_tensor, "
                  "symmetric: true, method: minmax, ext: {aggregation_type: median}}, weight: "
                  "{dtype: int8, scope: per_channel, symmetric: true, method: minmax}}}\n")),
              HasSubstr("aggregation_type (line 4)\n    must be max or mean"));
}

TEST(PlanV1, ParametersOfMxWeights) {
  const auto recipe = [](const std::string& ext) {
    return v1_recipe(
        "    - {type: linear_quant, qconfig: {act: {dtype: mxfp4, scope: per_block, symmetric: "
        "true, method: minmax}, weight: {dtype: mxfp4, scope: per_block, symmetric: true, method: "
        "ceil_x, ext: {" +
        ext + "}}}}\n");
  };
  const Plan plan = plan_of(recipe("enable_search: true, search_step: 0.5, axes: -1"));
  EXPECT_EQ(std::get<LinearQuantStep>(plan.steps[0].value).type, "W4A4_MXFP4");
  EXPECT_FALSE(needs_data(plan));
  EXPECT_THAT(problems_of(recipe("ceil_x_value: 5")), HasSubstr("from 6 to 12"));
  EXPECT_THAT(problems_of(recipe("enable_search: 3")), HasSubstr("true or false"));
  EXPECT_THAT(problems_of(recipe("search_step: 0")), HasSubstr("above 0"));
  EXPECT_THAT(problems_of(recipe("axes: 0")), HasSubstr("only -1"));
}

TEST(PlanV1, ParametersOfGptq) {
  const auto recipe = [](const std::string& ext) {
    return v1_recipe(
        "    - {type: linear_quant, qconfig: {weight: {dtype: int8, scope: per_group, symmetric: "
        "false, method: gptq, ext: {" +
        ext + "}}}}\n");
  };
  const Plan plan = plan_of(recipe("group_size: 64, percdamp: 0.1"));
  const auto& step = std::get<LinearQuantStep>(plan.steps[0].value);
  EXPECT_EQ(step.type, "W8A16");
  EXPECT_EQ(group_size_of(step.weight), 64);
  EXPECT_TRUE(needs_data(plan));
  EXPECT_EQ(group_size_of(std::get<LinearQuantStep>(plan_of(recipe("")).steps[0].value).weight),
            128);
  for (const char* bad :
       {"group_size: 0", "group_size: 1.5", "block_size: big", "percdamp: 0", "percdamp: -1"})
    EXPECT_THAT(problems_of(recipe(bad)), HasSubstr("above 0")) << bad;
}

}  // namespace
}  // namespace msmodelslim
