// Keys that config.json leaves out or names in its own way.
#include "model/config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

ModelConfig read(const std::string& json) {
  const fs::path folder = temp_path("model_config");
  fs::create_directories(folder);
  std::ofstream(folder / "config.json") << json;
  return ModelConfig::read(folder.string());
}

TEST(ModelConfig, Gemma3FilesLeaveMostKeysOut) {
  const ModelConfig config = read(
      R"({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "hidden_size": 2560,
          "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024}})");
  EXPECT_EQ(config.size("num_attention_heads"), 8);
  EXPECT_EQ(config.size("num_key_value_heads"), 4);
  EXPECT_EQ(config.size("hidden_size"), 2560);
  EXPECT_EQ(config.size("sliding_window"), 1024);
  EXPECT_EQ(config.number_or("rope_theta", 0), 1e6);
  EXPECT_EQ(config.number_or("rope_local_base_freq", 0), 1e4);
}

TEST(ModelConfig, DefaultsStandBehindParametersOfRope) {
  EXPECT_FALSE(read(R"({"model_type": "mixtral", "rope_parameters": {"rope_theta": 7.0}})")
                   .has("rope_theta"));
  EXPECT_EQ(read(R"({"model_type": "mixtral", "rope_parameters": {"rope_type": "default"}})")
                .number_or("rope_theta", 0),
            1e6);
  EXPECT_FALSE(read(R"({"model_type": "gemma3_text", "rope_parameters":
                        {"full_attention": {"rope_theta": 7.0},
                         "sliding_attention": {"rope_theta": 5.0}}})")
                   .has("rope_local_base_freq"));
}

TEST(ModelConfig, NullIsAnAnswer) {
  EXPECT_EQ(read(R"({"model_type": "mistral"})").size("sliding_window"), 4096);
  EXPECT_FALSE(read(R"({"model_type": "mistral", "sliding_window": null})").has("sliding_window"));
}

TEST(ModelConfig, BiasesOfQwen2MoeMayBeOff) {
  EXPECT_TRUE(read(R"({"model_type": "qwen2_moe"})").flag_or("attention_bias", false));
  EXPECT_FALSE(
      read(R"({"model_type": "qwen2_moe", "qkv_bias": false})").flag_or("attention_bias", true));
}

std::string step(const std::string& more) {
  return R"({"model_type": "step3p5", "num_hidden_layers": 3, "num_attention_groups": 2,
             "layer_types": ["full_attention", "sliding_attention", "sliding_attention",
                             "full_attention"])" +
         more + "}";
}

TEST(ModelConfig, ListsOfStepBecomeTheTwoKindsOfLayers) {
  const ModelConfig config = read(step(
      R"(, "rope_theta": [5e6, 1e4, 1e4, 7.0], "partial_rotary_factors": [0.5, 1.0, 1.0, 1.0],
         "rope_scaling": {"rope_type": "llama3", "factor": 2.0}, "moe_layers_enum": "1,2",
         "attention_other_setting": {"num_attention_heads": 96, "num_attention_groups": 2})"));
  EXPECT_EQ(config.json().at("rope_parameters"), Json::parse(R"({
      "full_attention": {"rope_theta": 5e6, "partial_rotary_factor": 0.5, "rope_type": "llama3",
                         "factor": 2.0},
      "sliding_attention": {"rope_theta": 1e4, "partial_rotary_factor": 1.0}})"));
  EXPECT_FALSE(config.has("rope_theta"));
  EXPECT_FALSE(config.has("rope_scaling"));
  EXPECT_EQ(config.json().at("mlp_layer_types"), Json({"dense", "sparse", "sparse"}));
  EXPECT_EQ(config.size("num_sliding_attention_heads"), 96);
  EXPECT_EQ(config.size("num_key_value_heads"), 2);
  EXPECT_EQ(read(step("")).json().at("mlp_layer_types"), Json({"dense", "sparse", "sparse"}));
}

TEST(ModelConfig, LayersOfStepThatDifferAreRefused) {
  EXPECT_THROW(read(step(R"(, "rope_theta": [5e6, 1e4, 1e5])")), DataError);
  EXPECT_THROW(read(step(R"(, "attention_other_setting": {"num_attention_groups": 4})")),
               DataError);
  EXPECT_THROW(read(step(R"(, "rope_scaling": {"rope_type": "yarn"},
                              "yarn_only_types": ["sliding_attention"])")),
               DataError);
}

TEST(ModelConfig, KeysOfDeepSeekV4AreReadAsPublishedAndAsTransformersWritesThem) {
  const ModelConfig published =
      read(R"({"model_type": "deepseek_v4", "compress_ratios": [0, 4, 128],
      "num_hash_layers": 1, "qk_rope_head_dim": 64, "rope_theta": 10000, "rope_scaling":
      {"type": "yarn", "factor": 16, "rope_theta": 7}, "compress_rope_theta": 160000})");
  const ModelConfig rewritten = read(R"({"model_type": "deepseek_v4", "layer_types":
      ["sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"],
      "compress_rates": {"compressed_sparse_attention": 4, "heavily_compressed_attention": 128},
      "mlp_layer_types": ["hash_moe", "moe", "moe"], "qk_rope_head_dim": 64,
      "partial_rotary_factor": 0.125, "rope_theta": 10000, "rope_parameters":
      {"main": {"rope_theta": 10000, "partial_rotary_factor": 0.125},
       "compress": {"type": "yarn", "factor": 16, "rope_theta": 160000, "attention_factor": 1.0,
                    "partial_rotary_factor": 0.125}}})");
  const Json rope = Json::parse(R"({"full_attention": {"type": "yarn", "factor": 16,
      "rope_theta": 160000, "attention_factor": 1.0}, "sliding_attention": {"rope_theta": 10000}})");
  for (const ModelConfig& config : {published, rewritten}) {
    EXPECT_EQ(config.json().at("rope_parameters"), rope);
    EXPECT_FALSE(config.has("rope_theta"));
    EXPECT_FALSE(config.has("partial_rotary_factor"));
    EXPECT_EQ(config.json().at("compress_ratios"), Json({0, 4, 128}));
    EXPECT_EQ(config.size("num_hash_layers"), 1);
    EXPECT_EQ(config.size("rotary_dim"), 64);
    EXPECT_EQ(config.size("num_key_value_heads"), 1);
  }
}

TEST(ModelConfig, ALayerOfDeepSeekV4WithoutARatioIsRefused) {
  EXPECT_THROW(read(R"({"model_type": "deepseek_v4", "layer_types": ["full_attention"],
                        "compress_rates": {"compressed_sparse_attention": 4}})"),
               DataError);
}

TEST(ModelConfig, EntriesOfLayers) {
  const ModelConfig config = read(R"({"limits": [1.5, null, 0], "types": ["a"], "wrong": ["x"]})");
  EXPECT_EQ(config.number_of_layer("limits", 0), 1.5);
  EXPECT_EQ(config.number_of_layer("limits", 1), 0);
  EXPECT_EQ(config.number_of_layer("limits", 9), 0);
  EXPECT_EQ(config.number_of_layer("none", 0), 0);
  EXPECT_EQ(config.text_of_layer("types", 0), "a");
  EXPECT_EQ(config.text_of_layer("types", 1), "");
  EXPECT_THROW(config.number_of_layer("wrong", 0), DataError);
}

TEST(ModelConfig, ExpertsOfVisionModelsSumToOne) {
  EXPECT_TRUE(read(R"({"model_type": "qwen3_vl_moe", "text_config":
                       {"model_type": "qwen3_vl_moe_text"}})")
                  .flag_or("norm_topk_prob", false));
}

TEST(ModelConfig, BaichuanOfThirteenBillionHasAlibi) {
  const auto alibi = [](const std::string& keys) {
    return read(R"({"model_type": "baichuan", )" + keys + "}").flag_or("alibi", false);
  };
  EXPECT_TRUE(alibi(R"("hidden_size": 5120, "model_max_length": 4096)"));
  EXPECT_FALSE(alibi(R"("hidden_size": 4096, "max_position_embeddings": 4096)"));
}

TEST(ModelConfig, HunYuanNumbersMayBeLists) {
  const ModelConfig config = read(
      R"({"model_type": "hunyuan_v1_moe", "intermediate_size": 64, "num_shared_expert": [2, 2],
          "moe_topk": [8, 8], "moe_intermediate_size": [32, 32]})");
  EXPECT_EQ(config.size("num_experts_per_tok"), 8);
  EXPECT_EQ(config.size("moe_intermediate_size"), 32);
  EXPECT_EQ(config.size("shared_width"), 128);
}

}  // namespace
}  // namespace msmodelslim
