// Recipes with a KV cache as a whole: which orders are refused, what later entries see, and the
// same bytes for any number of threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/reader.h"
#include "pipeline/quantize_model.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

constexpr const char* kCache =
    "    - {type: dynamic_cache, qconfig: {dtype: int8, scope: per_channel, symmetric: true, "
    "method: minmax}}\n";
constexpr const char* kStatic =
    "    - {type: linear_quant, qconfig: {act: {dtype: int8, scope: per_tensor, symmetric: false, "
    "method: histogram}, weight: {dtype: int8, scope: per_channel, symmetric: true, method: "
    "minmax}}}\n";
constexpr const char* kSmooth = "    - {type: kv_smooth}\n";

std::string in_group(const std::string& entries) {
  std::string text = "    - type: group\n      configs:\n";
  for (std::size_t at = 0; at < entries.size();) {
    const std::size_t end = entries.find('\n', at) + 1;
    text += "    " + entries.substr(at, end - at);
    at = end;
  }
  return text;
}

class KvCachePipeline : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(job_.save_path); }
  void SetUp() override {
    job_.model_path = golden_dir() + "/models/qwen2";
    job_.save_path = temp_path("kv_pipeline");
    job_.quiet = job_.overwrite = true;
    std::mt19937 generator(4);
    std::uniform_int_distribution<std::int32_t> token(0, 300);
    for (int length : {3, 200, 41}) {
      job_.samples.emplace_back(length);
      for (auto& id : job_.samples.back()) id = token(generator);
    }
  }

  void recipe(const std::string& process) {
    job_.plan = make_plan(parse_recipe("apiversion: modelslim_v1\nspec:\n  process:\n" + process +
                                           "  save: [{type: ascendv1_saver}]\n",
                                       "test.yaml"));
  }

  std::string refused(const std::string& process, const char* model = "qwen2") {
    job_.model_path = golden_dir() + "/models/" + model;
    recipe(process);
    try {
      check_job(job_);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  }

  float output_scale(const std::string& process) {
    recipe(process);
    quantize_model(job_);
    return *CheckpointReader(job_.save_path)
                .at("model.layers.0.self_attn.o_proj.input_scale")
                .as<float>();
  }

  QuantJob job_;
};

TEST_F(KvCachePipeline, WhatChangesTheCacheComesBeforeIt) {
  const std::string cache = kCache;
  const std::string smooth = kSmooth;
  EXPECT_EQ(refused(smooth + kStatic + cache), "");
  EXPECT_EQ(refused(smooth + in_group(kStatic + cache)), "");
  EXPECT_THAT(refused(cache + smooth),
              HasSubstr("spec.process.1.kv_smooth (line 5) changes what dynamic_cache has already "
                        "measured in model.layers.0.self_attn"));
  EXPECT_THAT(refused(in_group(smooth + cache)), HasSubstr("changes what dynamic_cache"));
  EXPECT_THAT(refused(cache + "    - {type: iter_smooth}\n"),
              HasSubstr("changes what dynamic_cache"));
  EXPECT_EQ(refused(cache + "    - {type: iter_smooth, enable_subgraph_type: [norm-linear]}\n"),
            "");
}

TEST_F(KvCachePipeline, KeysAreSmoothedBeforeTheirWeightsAreQuantized) {
  EXPECT_THAT(refused(std::string(kStatic) + kSmooth), HasSubstr("changes what linear_quant"));
  EXPECT_THAT(refused(in_group(std::string(kSmooth) + kStatic)),
              HasSubstr("changes what linear_quant"));
  EXPECT_EQ(refused(std::string(kStatic) + kSmooth, "qwen3"), "");  // moves between norms
}

TEST_F(KvCachePipeline, LaterEntriesSeeTheQuantizedCache) {
  const std::string cache = kCache;
  const float alone = output_scale(kStatic);
  EXPECT_EQ(output_scale(kStatic + cache), alone);
  EXPECT_EQ(output_scale(in_group(kStatic + cache)), alone);
  EXPECT_NE(output_scale(cache + kStatic), alone);
}

TEST_F(KvCachePipeline, ExcludedAttentionsStayFloat) {
  recipe(kCache);
  job_.exclude = {"model.layers.1.self_attn"};
  EXPECT_EQ(quantize_model(job_).kv_caches, 1);
  EXPECT_FALSE(
      CheckpointReader(job_.save_path).has("model.layers.1.self_attn.k_proj.kv_cache_scale"));
  job_.exclude = {"*"};
  EXPECT_THROW(check_job(job_), UsageError);
}

TEST_F(KvCachePipeline, BytesDoNotDependOnTheThreads) {
  recipe(std::string(kSmooth) + in_group(std::string(kStatic) + kCache));
  std::string first;
  for (int threads : {1, 2, 5}) {
    set_thread_count(threads);
    quantize_model(job_);
    const std::string weights =
        read_file(job_.save_path + "/quant_model_weights-00001-of-00001.safetensors");
    if (first.empty()) first = weights;
    EXPECT_TRUE(weights == first) << threads << " threads";
  }
  set_thread_count(available_threads());
  const Json description = read_description(job_.save_path);
  for (const char* key :
       {"kv_cache_type", "kv_quant_type", "model.layers.1.self_attn.v_proj.kv_cache_offset"})
    EXPECT_EQ(description.at(key), "C8");
}

}  // namespace
}  // namespace msmodelslim
