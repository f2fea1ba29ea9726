#include "model/float_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/safetensors.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

TEST(FloatModel, FirstLayersCutListsOfLayersOnly) {
  Json config = {{"num_hidden_layers", 2},
                 {"num_layers", 2},
                 {"layer_types", {"full", "sliding"}},
                 {"eos_token_id", {1, 2}},
                 {"num_nextn_predict_layers", 1}};
  keep_first_layers(config, 1);
  EXPECT_EQ(config.at("num_hidden_layers"), 1);
  EXPECT_EQ(config.at("num_layers"), 1);
  EXPECT_EQ(config.at("layer_types"), Json({"full"}));
  EXPECT_EQ(config.at("eos_token_id"), Json({1, 2}));
  EXPECT_EQ(config.at("num_nextn_predict_layers"), 0);
}

// `added`: in front of the names in the file. `blocks`: in front of the numbers of blocks then.
void expect_first_layer_alone(const std::string& source, const std::string& added,
                              const std::string& blocks) {
  const std::string folder = temp_path("float_model_cut");
  fs::remove_all(folder);
  fs::create_directory(folder);
  fs::copy(source + "/config.json", folder + "/config.json");
  const CheckpointReader before(source);
  std::vector<NamedTensor> tensors;
  for (const std::string& name : before.names()) tensors.push_back({added + name, before.at(name)});
  write_safetensors(folder + "/model.safetensors", tensors);
  const FloatModel cut = open_float_model(folder, 1);
  EXPECT_EQ(cut.spec.blocks.size(), 1U) << source;
  std::size_t kept = 0;
  for (const std::string& name : cut.checkpoint.names()) {
    kept += name.starts_with(blocks + "0.") ? 1 : 0;
    EXPECT_FALSE(name.starts_with(blocks) && !name.starts_with(blocks + "0.")) << name;
    EXPECT_FALSE(name.starts_with("mtp.")) << name;
  }
  EXPECT_GT(kept, 5U) << source;
  fs::remove_all(folder);
}

TEST(FloatModel, LaterLayersAreHiddenUnderEveryPrefix) {
  const std::string tiny = std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/";
  expect_first_layer_alone(tiny + "baichuan", "", "model.layers.");
  expect_first_layer_alone(tiny + "qwen", "", "transformer.h.");
  expect_first_layer_alone(tiny + "gpt_neox", "", "gpt_neox.layers.");
  expect_first_layer_alone(tiny + "deepseek_v4", "", "layers.");
  expect_first_layer_alone(tiny + "deepseek_v3", "", "model.layers.");
  expect_first_layer_alone(tiny + "qwen3_moe", "language_model.", "language_model.model.layers.");
  expect_first_layer_alone(tiny + "qwen3_moe", "thinker.", "thinker.model.layers.");
}

TEST(FloatModel, AModelInsideOfAnotherIsNotCut) {
  const std::string folder = temp_path("float_model_nested");
  const std::string source = golden_dir() + "/models/qwen2";
  fs::remove_all(folder);
  fs::create_directory(folder);
  for (const auto& file : fs::directory_iterator(source))
    fs::create_symlink(file.path(), fs::path(folder) / file.path().filename());
  Json config = read_json_file(source + "/config.json");
  config["text_config"] = config;
  config.erase("num_hidden_layers");
  fs::remove(folder + "/config.json");
  write_file_atomic(folder + "/config.json", config.dump());
  EXPECT_EQ(open_float_model(folder).spec.blocks.size(), 2U);
  EXPECT_THROW(open_float_model(folder, 1), UsageError);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace msmodelslim
