#include "checkpoint/compressed_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using Input = CompressedScheme::Input;

TEST(NamePattern, NamesWithTheSameRestStandSideBySide) {
  EXPECT_EQ(pattern_of_names({"lm_head"}), "re:lm_head(?![.\\w])");
  EXPECT_EQ(pattern_of_names({"model.layers.0.mlp.up", "model.layers.1.mlp.up"}),
            "re:model\\.layers\\.(?:0|1)\\.mlp\\.up(?![.\\w])");
  EXPECT_EQ(pattern_of_names({"a.b", "a.b.c"}), "re:a\\.b(?:\\.c)?(?![.\\w])");
}

TEST(NamePattern, MatchesItsNamesAndNoOthers) {
  std::vector<std::string> names = {"lm_head", "model.x-y.0"};
  for (int layer : {0, 1, 2, 10, 11})
    for (const char* linear : {"self_attn.q_proj", "mlp.down_proj"})
      if (layer != 2 || std::string(linear) != "mlp.down_proj")
        names.push_back("model.layers." + std::to_string(layer) + "." + linear);
  const NamePattern pattern(pattern_of_names(names), "test");
  for (const std::string& name : names) EXPECT_TRUE(pattern.matches(name)) << name;
  for (const char* name :
       {"model.layers.2.mlp.down_proj", "model.layers.12.mlp.down_proj", "lm_head2", "lm_head.x",
        "xlm_head", "model.layers.1", "model.layers.1.mlp.down_proj.weight", "modelxlayersx", ""})
    EXPECT_FALSE(pattern.matches(name)) << name;
}

TEST(NamePattern, ExpressionsMatchFromTheStart) {
  EXPECT_TRUE(NamePattern("re:.*lm_head", "t").matches("model.lm_head.more"));
  EXPECT_FALSE(NamePattern("re:layers", "t").matches("model.layers"));
  EXPECT_TRUE(NamePattern("re:a|b", "t").matches("b"));
  EXPECT_FALSE(NamePattern("re:a|b", "t").matches("cb"));
  EXPECT_FALSE(NamePattern("a.b", "t").matches("axb"));
  EXPECT_THROW(NamePattern("re:(", "t"), DataError);
}

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = temp_path("compressed_config");
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  CompressedConfig config(const Json& value) {
    Json json = Json::object();
    json["quantization_config"] = value;
    return config_text(json.dump());
  }
  CompressedConfig config_text(const std::string& text) {
    std::ofstream(folder_ + "/config.json") << text;
    return CompressedConfig::read(folder_);
  }
  std::string folder_;
};

TEST_F(Folder, WhatIsWrittenIsReadBack) {
  std::vector<CompressedGroup> groups;
  for (LinearType type : {LinearType::kW8A8, LinearType::kW8A8Dynamic, LinearType::kW8A16}) {
    CompressedGroup group{*compressed_scheme(type, 0), {linear_type_name(type)}};
    groups.push_back(group);
  }
  groups[0].scheme.input_symmetric = false;
  CompressedScheme grouped = *compressed_scheme(LinearType::kW4A16, 64);
  grouped.symmetric = false;
  groups.push_back({grouped, {"a.0", "a.1"}});
  const CompressedConfig read = config(compressed_config_json(groups, {"lm_head"}));
  EXPECT_TRUE(CompressedConfig::present(folder_));
  for (const CompressedGroup& group : groups)
    for (const std::string& name : group.names) EXPECT_EQ(read.scheme_of(name), group.scheme);
  EXPECT_FALSE(read.scheme_of("lm_head"));
  EXPECT_FALSE(read.scheme_of("other"));
  const CompressedConfig single = config(compressed_config_json({groups[3]}, {"lm_head", "x.y"}));
  EXPECT_EQ(single.scheme_of("anything"), grouped);
  EXPECT_FALSE(single.scheme_of("x.y"));
  EXPECT_EQ(compressed_config_json(groups, {})["format"], "mixed-precision");
}

TEST_F(Folder, OtherToolsLeaveKeysOut) {
  const CompressedConfig read = config_text(R"({"quantization_config": {
    "quant_method": "compressed-tensors", "format": "pack-quantized", "ignore": ["lm_head"],
    "config_groups": {"group_0": {"targets": ["Linear"],
      "weights": {"num_bits": 4, "group_size": 128, "strategy": "group"}}}}})");
  const auto scheme = read.scheme_of("q");
  ASSERT_TRUE(scheme);
  EXPECT_EQ(scheme->bits, 4);
  EXPECT_EQ(scheme->group_size, 128);
  EXPECT_TRUE(scheme->symmetric && scheme->packed && scheme->input == Input::kFloat);
}

TEST_F(Folder, WhatCannotBeComputedIsNamed) {
  const auto with = [&](const std::string& weights, const std::string& rest) {
    try {
      config_text(R"({"quantization_config": {"config_groups": {"group_0": {"targets": ["Linear"],
        "weights": )" +
                  weights + rest + R"(}}, "format": "int-quantized"}})");
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  using testing::HasSubstr;
  const std::string good = R"({"num_bits": 8, "type": "int", "strategy": "channel"})";
  EXPECT_EQ(
      with(good, R"(, "input_activations": {"num_bits": 8, "dynamic": true, "strategy": "token"})"),
      "");
  EXPECT_THAT(with(R"({"num_bits": 3, "strategy": "channel"})", ""), HasSubstr("num_bits is 3"));
  EXPECT_THAT(with(R"({"num_bits": 8, "type": "float", "strategy": "channel"})", ""),
              HasSubstr("input_activations is null"));
  EXPECT_THAT(with(R"({"num_bits": 4, "type": "float", "strategy": "channel"})", ""),
              HasSubstr("weights.group_size is 0"));
  EXPECT_THAT(with(R"({"num_bits": 8, "strategy": "block"})", ""), HasSubstr("\"block\""));
  EXPECT_THAT(with(good, R"(, "format": "marlin-24")"), HasSubstr("marlin-24"));
  EXPECT_THAT(with("7", ""), HasSubstr("weights is 7"));
  EXPECT_THAT(with(good, R"(, "input_activations": {"num_bits": 8, "strategy": "tensor",
                       "dynamic": "local"})"),
              HasSubstr("\"local\""));
  EXPECT_THROW(config_text(R"({"quantization_config": {"config_groups": []}})"), DataError);
  EXPECT_THROW(config_text("[]"), DataError);
}

}  // namespace
}  // namespace msmodelslim
