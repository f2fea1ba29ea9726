// What flatquant leaves in a folder, and what is refused before work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/reader.h"
#include "pipeline/planned_linears.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

const std::string kFlat = "    - {type: flatquant}\n";
const std::string kW8 =
    "    - type: linear_quant\n"
    "      qconfig:\n"
    "        act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}\n"
    "        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}\n";
const std::string kMx =
    "    - type: linear_quant\n"
    "      qconfig:\n"
    "        act: {dtype: mxfp4, scope: per_block, symmetric: true, method: minmax}\n"
    "        weight: {dtype: mxfp4, scope: per_block, symmetric: true, method: minmax}\n";

class FlatQuantFolder : public testing::Test {
 protected:
  FlatQuantFolder()
      : checkpoint_(golden_dir() + "/models/qwen2"),
        model_(build_model_spec(ModelConfig::read(golden_dir() + "/models/qwen2"), checkpoint_)) {
    job_.model_path = golden_dir() + "/models/qwen2";
    job_.save_path = temp_path("flatquant");
    job_.quiet = true;
    job_.overwrite = true;
    std::mt19937 generator(2);
    for (int length : {17, 5})
      for (job_.samples.emplace_back();
           job_.samples.back().size() < static_cast<std::size_t>(length);)
        job_.samples.back().push_back(static_cast<std::int32_t>(generator() % 300));
  }
  ~FlatQuantFolder() override { fs::remove_all(job_.save_path); }

  void plan(const std::string& process) {
    job_.plan = make_plan(parse_recipe("apiversion: modelslim_v1\nspec:\n  process:\n" + process +
                                           "  save: [{type: ascendv1_saver}]\n",
                                       "r.yaml"));
  }
  std::string refusal(const std::string& process) {
    plan(process);
    try {
      check_plan(job_, model_);
    } catch (const UsageError& e) {
      return e.what();
    }
    return "";
  }
  std::vector<std::string> warnings(const std::string& process) {
    plan(process);
    std::vector<std::string> all;
    for (const auto& [message, remedy] : linear_warnings(job_, model_)) all.push_back(message);
    return all;
  }

  CheckpointReader checkpoint_;
  ModelSpec model_;
  QuantJob job_;
};

TEST_F(FlatQuantFolder, TypesBiasesAndTransformsAreWritten) {
  plan(kFlat + kW8);
  quantize_model(job_);
  const Json types = read_description(job_.save_path);
  const CheckpointReader folder(job_.save_path);
  const std::string q = "model.layers.1.self_attn.q_proj";
  EXPECT_EQ(types.at(q + ".weight"), "W8A8_FLATQUANT_DYNAMIC");
  EXPECT_EQ(types.at(q + ".bias"), "FLOAT_FLATQUANT");
  EXPECT_EQ(types.at(q + ".left_trans"), "FLOAT_FLATQUANT");
  EXPECT_EQ(folder.at(q + ".clip_ratio").shape, (Shape{1}));
  const std::string o = "model.layers.1.self_attn.o_proj";
  EXPECT_EQ(folder.at(o + ".left_trans").shape, (Shape{model_.heads, model_.heads}));
  EXPECT_FALSE(folder.has(o + ".right_trans"));
  EXPECT_EQ(types.at(o + ".clip_ratio"), "W8A8_FLATQUANT_DYNAMIC");
  EXPECT_EQ(types.at("model_quant_type"), "FLOAT");
}

TEST_F(FlatQuantFolder, ALinearLeftOutLeavesItsPairAsItWas) {
  job_.exclude = {"*.1.self_attn.k_proj", "*.1.mlp.*"};
  plan("    - {type: flatquant, exclude: ['*o_proj']}\n");
  quantize_model(job_);
  const CheckpointReader folder(job_.save_path);
  for (const char* name :
       {"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight",
        "self_attn.v_proj.bias", "mlp.up_proj.weight", "mlp.down_proj.weight",
        "input_layernorm.weight", "post_attention_layernorm.weight"}) {
    const std::string tensor = std::string("model.layers.1.") + name;
    const TensorView before = checkpoint_.at(tensor), after = folder.at(tensor);
    EXPECT_TRUE(before.byte_size() == after.byte_size() &&
                std::equal(before.bytes, before.bytes + before.byte_size(), after.bytes))
        << tensor;
  }
  EXPECT_TRUE(folder.has("model.layers.0.self_attn.k_proj.left_trans"));
}

TEST_F(FlatQuantFolder, WhatDoesNotGoTogetherIsRefused) {
  EXPECT_EQ(refusal(kFlat + kW8), "");
  EXPECT_THAT(refusal(kW8 + kFlat), HasSubstr("an earlier entry"));
  EXPECT_THAT(refusal(kFlat + kFlat), HasSubstr("an earlier entry"));
  EXPECT_THAT(refusal("    - {type: svd_res, rank: 4}\n" + kFlat + kW8), HasSubstr("low-rank"));
  EXPECT_THAT(refusal("    - {type: quarot, online: true, block_size: 16}\n" + kFlat),
              HasSubstr("online rotations"));
  plan(kFlat + kW8);
  job_.plan.saves.front().type = "compressed_tensors";
  EXPECT_THROW(check_plan(job_, model_), UsageError);
}

TEST_F(FlatQuantFolder, EnginesAreKnown) {
  EXPECT_THAT(warnings(kFlat + kW8), Contains(HasSubstr("W8A8_FLATQUANT_DYNAMIC")));
  EXPECT_THAT(warnings(kFlat), Contains(HasSubstr("FLOAT_FLATQUANT")));
  EXPECT_THAT(warnings(kFlat + kMx),
              testing::ElementsAre(HasSubstr("transform of the heads alone")));
}

}  // namespace
}  // namespace msmodelslim
