// --save_format, and evaluation of what it gives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "cli/quant_args.h"
#include "cli/quant_command.h"
#include "eval/perplexity.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class SaveFormatOption : public testing::Test {
 protected:
  void TearDown() override {
    fs::remove_all(out_);
    fs::remove(recipe_);
  }

  // Writes a recipe, runs it; the result against the float model.
  PerplexityResult run(const std::string& act, const std::string& weight,
                       const std::string& format) {
    std::ofstream(recipe_) << "apiversion: modelslim_v1\nspec:\n  process:\n"
                              "    - type: linear_quant\n      qconfig:\n        act: "
                           << act << "\n        weight: " << weight
                           << "\n  save: [{type: ascendv1_saver, ext: {a: 1}}]\n"
                              "  dataset: boolq.jsonl\n";
    EXPECT_EQ(run_quant({model_, "--save_path", out_, "--config_path", recipe_, "--calib_samples",
                         "2", "--quiet", "--overwrite", "--save_format", format}),
              0);
    std::vector<std::int32_t> ids(128);
    std::iota(ids.begin(), ids.end(), 10);
    return evaluate_perplexity({{out_}, model_, 64, 0}, ids).front();
  }

  std::string model_ = golden_dir() + "/models/qwen2";
  std::string out_ = temp_path("save_format");
  std::string recipe_ = temp_path("save_format") + ".yaml";
};

constexpr const char* kFloatAct =
    "{dtype: float, scope: per_tensor, symmetric: true, method: none}";

TEST_F(SaveFormatOption, EvaluationGivesTheSameInBothFormats) {
  const std::string token = "{dtype: int8, scope: per_token, symmetric: true, method: minmax}";
  const std::string channel = "{dtype: int8, scope: per_channel, symmetric: true, method: minmax}";
  for (const std::string& act : {token, std::string(kFloatAct)}) {
    const double ascend = run(act, channel, "ascendv1").kl->mean;
    EXPECT_EQ(run(act, channel, "compressed_tensors").kl->mean, ascend) << act;
  }
  // Static: the bias is added in float here, as an integer there.
  for (const char* symmetric : {"true", "false"}) {
    const std::string act = std::string("{dtype: int8, scope: per_tensor, symmetric: ") +
                            symmetric + ", method: minmax}";
    const double ascend = run(act, channel, "ascendv1").kl->mean;
    EXPECT_NEAR(run(act, channel, "compressed_tensors").kl->mean, ascend, 0.1 * ascend) << act;
  }
}

TEST_F(SaveFormatOption, SmallerGroupsAndOffsetsLoseLess) {
  const auto kl = [&](const std::string& weight) {
    return run(kFloatAct, weight, "compressed_tensors").kl->mean;
  };
  const double channel = kl("{dtype: int4, scope: per_channel, symmetric: true, method: minmax}");
  const double group =
      kl("{dtype: int4, scope: per_group, symmetric: true, method: minmax, ext: {group_size: 16}}");
  const double offset = kl(
      "{dtype: int4, scope: per_group, symmetric: false, method: minmax, ext: {group_size: 16}}");
  EXPECT_LT(group, channel);
  EXPECT_LT(offset, group);
}

TEST_F(SaveFormatOption, TheRecipeBesideTheResultSaysTheFormat) {
  run(kFloatAct, "{dtype: int8, scope: per_channel, symmetric: true, method: minmax}",
      "compressed_tensors");
  for (const auto& item : fs::directory_iterator(out_))
    if (item.path().filename().string().ends_with("_best_practice.yaml")) {
      const Plan plan = make_plan(read_recipe(item.path().string()));
      EXPECT_EQ(plan.saves.at(0).type, "compressed_tensors");
    }
  EXPECT_FALSE(fs::exists(out_ + "/quant_model_description.json"));
  EXPECT_EQ(read_json_file(out_ + "/config.json").at("quantization_config").at("format"),
            "pack-quantized");
}

TEST_F(SaveFormatOption, AnOlderRecipeCanBeSavedSoToo) {
  const std::string recipe = golden_dir() + "/cases/qwen2-v0-w8a8-minmax/recipe.yaml";
  EXPECT_EQ(run_quant({model_, "--save_path", out_, "--config_path", recipe, "--calib_dataset",
                       "boolq.jsonl", "--calib_samples", "2", "--quiet", "--save_format",
                       "compressed_tensors"}),
            0);
  EXPECT_TRUE(fs::exists(out_ + "/model.safetensors"));
}

TEST_F(SaveFormatOption, TheDefaultRecipeOfInt4IsRefusedWhereItsGroupsDoNotFit) {
  try {
    run_quant({model_, "--save_path", out_, "--quant_type", "w4a16", "--yes", "--quiet"});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("groups of 128 columns do not divide"));
  }
}

TEST_F(SaveFormatOption, OtherFormatsAreNamed) {
  EXPECT_THROW(parse_quant_args({model_, "--save_path", out_, "--save_format", "gguf"}),
               UsageError);
  EXPECT_EQ(
      parse_quant_args({model_, "--save_path", out_, "--save-format", "ascendv1"}).save_format,
      "ascendv1");
}

}  // namespace
}  // namespace msmodelslim
