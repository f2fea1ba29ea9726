#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "recipe/recipe.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Plan plan_of(const std::string& spec) {
  return make_plan(parse_recipe("apiversion: modelslim_convert\nspec:\n" + spec, "test.yaml"));
}

std::string problems_of(const std::string& spec) {
  try {
    plan_of(spec);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

constexpr const char* kFloat = "  linears: [{match: ['*'], target: FLOAT}]\n";

TEST(ConvertReader, ReadsWhatTheGuideShows) {
  const Plan plan = plan_of(R"(
  linears:
    - match: ["model.layers.*.self_attn.q_proj", "model.layers.*.mlp.up_proj"]
      target: W8A8_MXFP8
      route: auto
    - match: ["model.layers.*.mlp.down_proj"]
      target: W8A8_MXFP8
      route: [INT4_PACKED, FLOAT, W8A8_MXFP8]
  preprocess:
    - {type: rename, patterns: [{from: 'a\.(\d+)', to: 'b.\1'}]}
    - type: convert
      source: ["model.layers.*.mlp.experts.gate_up_proj"]
      target: ["model.layers.*.gate_proj.weight", "model.layers.*.up_proj.weight"]
      ops: [{type: chunk, dim: 1, projections: [gate_proj, up_proj]}]
  save: [{type: ascend_v1, part_file_size: 2}]
  parallel: {workers: 8}
)");
  ASSERT_TRUE(plan.convert);
  const ConvertPlan& convert = *plan.convert;
  ASSERT_EQ(convert.rules.size(), 2U);
  EXPECT_TRUE(convert.rules[0].route.empty());
  EXPECT_THAT(convert.rules[1].route, ElementsAre("INT4_PACKED", "FLOAT", "W8A8_MXFP8"));
  ASSERT_EQ(convert.preprocess.size(), 2U);
  EXPECT_EQ(convert.preprocess[0].target[0], "b.\\1");
  EXPECT_EQ(convert.preprocess[1].kind, PreprocessRule::Kind::kChunk);
  EXPECT_TRUE(convert.ascendv1);
  EXPECT_EQ(convert.part_file_size, 2);
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("spec.parallel has no effect")));
}

TEST(ConvertReader, DefaultsDecideWithoutSave) {
  EXPECT_TRUE(plan_of(kFloat).convert->ascendv1);
  EXPECT_FALSE(
      plan_of(std::string(kFloat) + "  defaults: {dst_format: huggingface}\n").convert->ascendv1);
}

TEST(ConvertReader, RefusesWhatCannotBe) {
  EXPECT_THAT(problems_of("  save: []\n"), HasSubstr("converts nothing"));
  EXPECT_THAT(problems_of("  linears: [{match: ['*'], target: W8A8_MXFP9}]\n"),
              HasSubstr("did you mean W8A8_MXFP8"));
  EXPECT_THAT(problems_of("  linears: [{match: ['*'], target: HIFP4}]\n"),
              HasSubstr("HIFP4 cannot be written"));
  EXPECT_THAT(problems_of("  linears: [{match: ['*'], target: W8A8_MXFP8}]\n"
                          "  save: [{type: huggingface}]\n"),
              HasSubstr("W8A8_MXFP8 needs type: ascend_v1"));
  EXPECT_THAT(problems_of("  linears: [{match: ['*'], target: W8A8_MXFP8, route: [FP8_BLOCK, "
                          "W8A8_MXFP8]}]\n"),
              HasSubstr("no conversion from FP8_BLOCK to W8A8_MXFP8"));
  EXPECT_THAT(problems_of("  linears: [{match: ['*'], target: FLOAT, rout: auto}]\n"),
              HasSubstr("did you mean route"));
  EXPECT_THAT(problems_of(std::string(kFloat) +
                          "  preprocess: [{type: rename, patterns: [{from: 'a(', to: b}]}]\n"),
              HasSubstr("no regular expression"));
  EXPECT_THAT(problems_of(std::string(kFloat) +
                          "  preprocess: [{type: convert, source: ['a.*.*.*.w'], target: ['a.*'], "
                          "ops: [{type: merge}]}]\n"),
              HasSubstr("as many * as"));
  EXPECT_THAT(problems_of(std::string(kFloat) +
                          "  preprocess: [{type: convert, source: [a], target: [b], ops: [{type: "
                          "chunk}]}]\n"),
              HasSubstr("lists 2 names"));
}

}  // namespace
}  // namespace msmodelslim
