#include "recipe/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipe_samples.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Recipe, EnvelopeDefaults) {
  const Recipe recipe = parse_recipe("spec: {}\n", "r.yaml");
  EXPECT_EQ(recipe.apiversion, "Unknown");
  EXPECT_EQ(recipe.metadata.config_id, "Unknown");
  EXPECT_EQ(recipe.metadata.score, 100.0);
}

TEST(Recipe, Metadata) {
  const Recipe recipe = parse_recipe(
      "apiversion: modelslim_v1\nmetadata: {config_id: a, score: '90', label: {w_bit: 8}, "
      "verified_model_types: [M], verified_tags: {N: [[x, y], [z]]}}\nspec: {}\n",
      "r.yaml");
  EXPECT_EQ(recipe.metadata.score, 90.0);
  EXPECT_THAT(recipe.metadata.verified_model_types, ElementsAre("M"));
  ASSERT_EQ(recipe.metadata.verified_tags.size(), 1U);
  EXPECT_EQ(recipe.metadata.verified_tags[0].first, "N");
  EXPECT_THAT(recipe.metadata.verified_tags[0].second,
              ElementsAre(ElementsAre("x", "y"), ElementsAre("z")));
}

TEST(Recipe, EnvelopeAndSpecProblemsComeTogether) {
  const std::string text = problems_of(
      "apiversion: modelslim_v1\n"
      "metadata: {score: -1, confg_id: x, verified_tags: {N: [x]}, label: 3, config_id: 4}\n"
      "spec: {proces: []}\n");
  EXPECT_THAT(text, HasSubstr("metadata.score (line 2)"));
  EXPECT_THAT(text,
              HasSubstr("metadata.confg_id (line 2)\n    unknown field; did you mean config"));
  EXPECT_THAT(text,
              HasSubstr("metadata.verified_tags.N (line 2)\n    must be a list of scenarios"));
  EXPECT_THAT(text, HasSubstr("metadata.label (line 2)\n    must be a mapping"));
  EXPECT_THAT(text, HasSubstr("metadata.config_id (line 2)\n    must be text"));
  EXPECT_THAT(text, HasSubstr("spec.proces (line 3)\n    unknown field; did you mean process"));
}

TEST(Recipe, WhatIsNoRecipe) {
  EXPECT_THAT(problems_of(""), HasSubstr("the document (line 1)\n    is empty"));
  EXPECT_THAT(problems_of("- a\n"), HasSubstr("must be a mapping"));
  EXPECT_THAT(problems_of("apiversion: modelslim_v1\n"),
              HasSubstr("spec (line 1)\n    is required"));
  EXPECT_THAT(problems_of("apiversion: modelslim_v1\nspec: 3\n"), HasSubstr("spec (line 2)"));
  EXPECT_THAT(problems_of("apiversion: modelslim_v2\nspec: {}\n"),
              HasSubstr("apiversion (line 1)\n    'modelslim_v2' is unknown; known values: "
                        "modelslim_v0, modelslim_v1"));
}

TEST(Recipe, FreeTopLevelKeysHoldAnchors) {
  const std::string text =
      "apiversion: modelslim_v1\n"
      "anchors:\n"
      "  dyn: &dyn {dtype: int8, scope: per_token, symmetric: true, method: minmax}\n"
      "spec:\n"
      "  process:\n"
      "    - {type: linear_quant, qconfig: {act: *dyn, weight: {dtype: int8, scope: per_channel, "
      "symmetric: true, method: minmax}}}\n"
      "  save: [{type: ascendv1_saver}]\n";
  EXPECT_EQ(problems_of(text), "");
  EXPECT_THAT(recipe_to_yaml(parse_recipe(text, "r.yaml")),
              HasSubstr("  verified_tags: {}\nanchors:\n  dyn:\n    dtype: int8\n"));
}

TEST(Recipe, WriteBackFillsTheEnvelopeAndKeepsTheSpec) {
  const Recipe recipe = parse_recipe(
      "metadata: {config_id: x, score: 50, verified_tags: {M: [[a, b]]}}\n"
      "apiversion: modelslim_v1\nspec: {b: 1, a: ['*', 1e-5]}\n",
      "r.yaml");
  EXPECT_EQ(recipe_to_yaml(recipe),
            "apiversion: modelslim_v1\nspec:\n  b: 1\n  a:\n  - '*'\n  - 1e-5\nmetadata:\n"
            "  config_id: x\n  score: 50.0\n  label: {}\n  verified_model_types: []\n"
            "  verified_tags:\n    M:\n    - - a\n      - b\n");
}

TEST(Recipe, WrittenTextReadsBackAsTheSameRecipe) {
  const Recipe recipe = parse_recipe(v1_recipe(kStaticLinear), "r.yaml");
  const std::string text = recipe_to_yaml(recipe);
  EXPECT_EQ(problems_of(text), "");
  EXPECT_EQ(recipe_to_yaml(parse_recipe(text, "r.yaml")), text);
}

TEST(Recipe, FileNames) {
  EXPECT_EQ(best_practice_file_name("Qwen2.5-7B-Instruct"),
            "Qwen2.5-7B-Instruct_best_practice.yaml");
  EXPECT_EQ(best_practice_file_name("a/b\nc"), "a_b_c_best_practice.yaml");
}

TEST(Recipe, LargeFilesAreRefused) {
  const TemporaryFolder folder;
  const std::string path = folder.write("r.yaml", std::string((1 << 20) + 1, '#'));
  EXPECT_THROW(read_recipe(path), DataError);
  EXPECT_THROW(read_recipe(folder.path() + "/none.yaml"), ResourceError);
}

}  // namespace
}  // namespace msmodelslim
