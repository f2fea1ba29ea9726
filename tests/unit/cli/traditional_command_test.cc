// Whole runs of `traditional`, where the files differ from those of recipes.
#include "cli/traditional_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "checkpoint/reader.h"
#include "shared_data.h"
#include "unit/pipeline/unknown_model.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

class TraditionalCommand : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    write_file_atomic(texts_, R"(["one short text", "and another one"])");
  }
  void TearDown() override {
    fs::remove_all(folder_);
    fs::remove(texts_);
  }
  int run(const std::string& family, const std::string& model, std::vector<std::string> more) {
    more.insert(more.begin(),
                {family, "--model_path", golden_dir() + "/models/" + model, "--save_path", folder_,
                 "--calib_dataset", texts_, "--anti_dataset", texts_});
    return run_traditional(more);
  }
  Json json(const char* name) const { return read_json_file((fs::path(folder_) / name).string()); }
  std::string folder_ = temp_path("traditional");
  std::string texts_ = temp_path("traditional_texts") + ".json";
};

// The scripts delete the entries of the copies that they write.
TEST_F(TraditionalCommand, DeepSeekForMindIEHasNormCopiesThatItDoesNotDescribe) {
  ASSERT_EQ(run("deepseek_w8a8", "deepseek_v3", {"--mindie_format"}), 0);
  const Json description = json("quant_model_description_w8a8_dynamic.json");
  const CheckpointReader weights(folder_);
  const std::string norm = "model.layers.0.input_layernorm";
  EXPECT_TRUE(weights.has(norm + ".module.weight"));
  EXPECT_TRUE(weights.has(norm + ".module.bias"));
  EXPECT_TRUE(description.contains(norm + ".weight"));
  for (const auto& [name, type] : description.items())
    EXPECT_EQ(name.find("norm.module."), std::string::npos) << name;
}

TEST_F(TraditionalCommand, ALayerCountWritesAModelOfTheFirstLayers) {
  ASSERT_EQ(run("deepseek_w8a8", "deepseek_v3", {"--layer_count", "1"}), 0);
  EXPECT_EQ(json("config.json").at("num_hidden_layers"), 1);
  EXPECT_EQ(json("config.json").at("num_nextn_predict_layers"), 0);
  const CheckpointReader weights(folder_);
  EXPECT_TRUE(weights.has("model.layers.0.self_attn.o_proj.weight"));
  EXPECT_TRUE(weights.has("lm_head.weight"));
  for (const std::string& name : weights.names()) {
    EXPECT_EQ(name.find("layers.1."), std::string::npos) << name;
    EXPECT_EQ(name.find("layers.2."), std::string::npos) << name;  // the next-token layer
  }
}

TEST_F(TraditionalCommand, MoreLayersThanThereAreAreRefused) {
  try {
    run("qwen3_moe", "qwen3_moe", {"--layer_count", "99"});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("--layer_count 99: the model has"));
  }
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(TraditionalCommand, AModelWithoutAForwardPassIsSentToQuant) {
  const std::string model = temp_path("traditional_model");
  write_unknown_model(model, 1);
  try {
    run_traditional({"qwen", "--model_path", model, "--save_directory", folder_, "--w_bit", "8",
                     "--a_bit", "16"});
    ADD_FAILURE();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"newthing\" (NewThing)"));
    EXPECT_THAT(error.remedy(), HasSubstr("msmodelslim quant"));
  }
  EXPECT_FALSE(fs::exists(folder_));
  fs::remove_all(model);
}

}  // namespace
}  // namespace msmodelslim
