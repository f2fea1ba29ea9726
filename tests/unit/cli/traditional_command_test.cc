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
  // W8A8 by the script of Qwen.
  int run_qwen(std::vector<std::string> more) {
    more.insert(more.begin(),
                {"qwen", "--model_path", golden_dir() + "/models/qwen2", "--save_directory",
                 folder_, "--calib_file", golden_dir() + "/calib/calib8.jsonl", "--w_bit", "8",
                 "--a_bit", "8", "--device_type", "cpu"});
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

TEST_F(TraditionalCommand, ForMindIETheConfigSaysHowItWasQuantized) {
  ASSERT_EQ(run_qwen({"--mindie_format", "--act_method", "2", "--use_reduce_quant", "True"}), 0);
  EXPECT_EQ(json("config.json").at("quantize"), "w8a8");
  const Json expected = {{"group_size", 0},
                         {"kv_quant_type", nullptr},
                         {"fa_quant_type", nullptr},
                         {"w_bit", 8},
                         {"a_bit", 8},
                         {"dev_type", "cpu"},
                         {"fraction", 0.01},
                         {"act_method", 2},
                         {"co_sparse", false},
                         {"anti_method", ""},
                         {"disable_level", "L0"},
                         {"do_smooth", false},
                         {"use_sigma", false},
                         {"sigma_factor", 3.0},
                         {"is_lowbit", false},
                         {"mm_tensor", false},
                         {"w_sym", true},
                         {"open_outlier", true},
                         {"is_dynamic", false},
                         {"reduce_quant_type", "per_channel"}};
  EXPECT_EQ(json("config.json").at("quantization_config"), expected);
  EXPECT_TRUE(fs::exists(folder_ + "/quant_model_description_w8a8.json"));
}

TEST_F(TraditionalCommand, OfTheNamedLinearsThoseAboveTheThresholdStayFloat) {
  const std::vector<std::string> names = {"--disable_names", "model.layers.0.mlp.down_proj",
                                          "model.layers.1.mlp.down_proj"};
  using Types = std::pair<std::string, std::string>;
  const auto with = [&](const char* threshold) {
    std::vector<std::string> words = {"--disable_threshold", threshold};
    words.insert(words.end(), names.begin(), names.end());
    EXPECT_EQ(run_qwen(words), 0);
    const Json types = json("quant_model_description.json");
    fs::remove_all(folder_);
    return Types(types.at("model.layers.0.mlp.down_proj.weight").get<std::string>(),
                 types.at("model.layers.1.mlp.down_proj.weight").get<std::string>());
  };
  EXPECT_EQ(with("0.0001"), Types("FLOAT", "FLOAT"));
  EXPECT_EQ(with("10000"), Types("W8A8", "W8A8"));
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
