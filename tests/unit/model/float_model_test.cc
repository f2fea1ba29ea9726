#include "model/float_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
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
