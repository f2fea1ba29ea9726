#include "cli/models_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace msmodelslim {
namespace {

const std::string kSource = MSMODELSLIM_SOURCE_DIR;

Json matrix() { return support_matrix(PracticeLibrary({kSource + "/recipes"})); }

TEST(ModelsCommand, DocsAreUpToDate) {
  EXPECT_EQ(read_file(kSource + "/docs/models.md"), matrix_markdown(matrix()))
      << "run: msmodelslim models --markdown > docs/models.md";
}

TEST(ModelsCommand, ListsFamiliesModelsAndRecipes) {
  const Json all = matrix();
  std::map<std::string, Json> models;
  for (const Json& model : all["models"]) models[model["name"]] = model;
  EXPECT_EQ(models["QwQ-32B"]["family"], "qwen2");
  EXPECT_EQ(models["DeepSeek-V3.2"]["family"], "deepseek_v32");
  EXPECT_EQ(models["GLM-5"]["family"], "glm_moe_dsa");
  EXPECT_EQ(models["LongCat-Flash-Chat"]["family"], "longcat_flash");
  EXPECT_EQ(models["Step-3.5-Flash"]["family"], "step3p5");
  EXPECT_EQ(models["Qwen3.5-27B"]["family"], "qwen3_5_text");
  EXPECT_EQ(models["Qwen3.5-35B-A3B"]["family"], "qwen3_5_moe_text");
  EXPECT_TRUE(models["FLUX.1-dev"]["family"].is_null());
  std::vector<std::string> uses;
  for (const Json& recipe : models["Qwen3-30B"]["recipes"]) uses.push_back(recipe["use"]);
  EXPECT_THAT(uses, testing::Contains("--quant_type w4a8"));
  for (const Json& recipe : all["any_checkpoint"]) EXPECT_FALSE(recipe["needs_data"]);
  EXPECT_GE(all["any_checkpoint"].size(), 7U);
}

}  // namespace
}  // namespace msmodelslim
