// The same recipe in both formats: the same numbers, and a folder that passes its checks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <numeric>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "checkpoint/pack_int32.h"
#include "checkpoint/reader.h"
#include "pipeline/quantize_model.h"
#include "recipe/recipe.h"
#include "save/verify_compressed.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

constexpr const char* kStaticAct =
    "{dtype: int8, scope: per_tensor, symmetric: false, method: minmax}";
constexpr const char* kTokenAct =
    "{dtype: int8, scope: per_token, symmetric: true, method: minmax}";
constexpr const char* kFloatAct =
    "{dtype: float, scope: per_tensor, symmetric: true, method: none}";
constexpr const char* kChannel =
    "{dtype: int8, scope: per_channel, symmetric: true, method: minmax}";

std::string recipe_of(const std::string& act, const std::string& weight,
                      const std::string& before = "") {
  return "apiversion: modelslim_v1\nspec:\n  process:\n" + before +
         "    - type: linear_quant\n      qconfig:\n        act: " + act +
         "\n        weight: " + weight + "\n  save: [{type: ascendv1_saver, part_file_size: 0}]\n";
}

std::string grouped(int bits, const char* symmetric, const char* method) {
  return "{dtype: int" + std::to_string(bits) + ", scope: per_group, symmetric: " + symmetric +
         ", method: " + method + ", ext: {group_size: 32}}";
}

class SaveFormat : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"ascend", "compressed"}) fs::remove_all(folder(name));
  }
  void TearDown() override { SetUp(); }
  static std::string folder(const std::string& name) { return temp_path("format_" + name); }

  QuantJob job_of(const std::string& recipe, bool compressed) {
    Recipe parsed = parse_recipe(recipe, "test.yaml");
    if (compressed) set_saver(&parsed, "compressed_tensors");
    QuantJob job;
    job.model_path = model_;
    job.save_path = folder(compressed ? "compressed" : "ascend");
    job.plan = make_plan(parsed);
    job.quiet = job.overwrite = true;
    for (int length : {40, 7}) {
      job.samples.emplace_back(static_cast<std::size_t>(length));
      std::iota(job.samples.back().begin(), job.samples.back().end(), length);
    }
    return job;
  }

  // Runs the recipe and opens the result.
  std::unique_ptr<CheckpointReader> run(const std::string& recipe, bool compressed) {
    const QuantJob job = job_of(recipe, compressed);
    check_job(job);
    quantize_model(job);
    return std::make_unique<CheckpointReader>(job.save_path);
  }

  std::string refusal(const std::string& recipe, bool compressed) {
    try {
      check_job(job_of(recipe, compressed));
    } catch (const UsageError& error) {
      return std::string(error.what()) + " | " + error.remedy();
    }
    return "";
  }

  std::string model_ = golden_dir() + "/models/qwen2";
};

bool same_bytes(const TensorView& a, const TensorView& b) {
  return a.byte_size() == b.byte_size() && std::memcmp(a.bytes, b.bytes, a.byte_size()) == 0;
}

TEST_F(SaveFormat, StaticCodesAndInputScalesAreThoseOfAscendV1) {
  const std::string recipe = recipe_of(kStaticAct, kChannel);
  const auto a = run(recipe, false);
  const auto c = run(recipe, true);
  int linears = 0;
  for (const std::string& name : c->names()) {
    if (!name.ends_with(".input_scale")) continue;
    const std::string linear = name.substr(0, name.rfind('.'));
    ++linears;
    EXPECT_TRUE(same_bytes(a->at(name), c->at(name))) << name;
    EXPECT_TRUE(same_bytes(a->at(linear + ".weight"), c->at(linear + ".weight"))) << name;
    EXPECT_EQ(*a->at(linear + ".input_offset").as<float>(),
              static_cast<float>(*c->at(linear + ".input_zero_point").as<std::int8_t>()));
  }
  EXPECT_EQ(linears, 14);
}

TEST_F(SaveFormat, PackedCodesAreThoseOfAscendV1) {
  for (const char* method : {"minmax", "gptq"}) {
    const std::string recipe = recipe_of(kFloatAct, grouped(8, "false", method));
    const auto a = run(recipe, false);
    const auto c = run(recipe, true);
    for (const std::string& name : c->names()) {
      if (!name.ends_with(".weight_packed")) continue;
      const std::string linear = name.substr(0, name.rfind('.'));
      const TensorView codes = a->at(linear + ".weight");
      EXPECT_TRUE(same_bytes(unpack_rows_int32(c->at(name), 8, codes.shape).view(), codes));
      EXPECT_TRUE(same_bytes(c->at(linear + ".weight_scale"), a->at(linear + ".weight_scale")));
      const TensorView offsets = a->at(linear + ".weight_offset");
      const Tensor points =
          unpack_columns_int32(c->at(linear + ".weight_zero_point"), 8, offsets.shape);
      for (std::int64_t i = 0; i < offsets.count(); ++i)
        EXPECT_EQ(offsets.as<float>()[i], static_cast<float>(points.as<std::int8_t>()[i]));
    }
  }
}

TEST_F(SaveFormat, Int4BytesDoNotDependOnTheThreads) {
  std::string first;
  for (int threads : {1, 3, 2}) {
    set_thread_count(threads);
    run(recipe_of(kFloatAct, grouped(4, "false", "minmax")), true);
    const std::string bytes = read_file(folder("compressed") + "/model.safetensors");
    if (first.empty()) first = bytes;
    EXPECT_TRUE(bytes == first) << threads;
  }
  set_thread_count(available_threads());
}

TEST_F(SaveFormat, LearnedScalesMayBeNegative) {
  const auto c = run(
      "apiversion: modelslim_v1\nspec:\n  process:\n    - type: autoround_quant\n      iters: 2\n"
      "      strategies: [{qconfig: {act: " +
          std::string(kFloatAct) +
          ", weight: {dtype: int4, scope: per_group, symmetric: true, method: autoround, ext: "
          "{group_size: 32, full_range: true, scale_dtype: float32}}}}]\n  save: [{type: "
          "ascendv1_saver}]\n",
      true);
  int negative = 0;
  for (const std::string& name : c->names()) {
    if (!name.ends_with(".weight_scale")) continue;
    const TensorView scales = c->at(name);
    std::vector<float> values(static_cast<std::size_t>(scales.count()));
    to_f32(scales, values.data());
    negative += static_cast<int>(
        std::count_if(values.begin(), values.end(), [](float value) { return value < 0; }));
  }
  EXPECT_GT(negative, 0);
}

TEST_F(SaveFormat, DamageInAFinishedFolderIsFound) {
  const std::string out = folder("compressed");
  for (const std::string& recipe :
       {recipe_of(kStaticAct, kChannel), recipe_of(kFloatAct, grouped(4, "true", "minmax"))}) {
    run(recipe, true);
    const auto problems = [&] {
      const CheckpointReader checkpoint(model_);
      const ModelSpec model = build_model_spec(ModelConfig::read(model_), checkpoint);
      return find_compressed_problems(out, model, {}, false);
    };
    EXPECT_EQ(problems(), std::vector<std::string>{});
    const Json good = read_json_file(out + "/config.json");
    const auto with = [&](const std::function<void(Json&)>& change) {
      Json bad = good;
      change(bad["quantization_config"]);
      std::ofstream(out + "/config.json") << bad.dump();
      return problems();
    };
    EXPECT_FALSE(with([](Json& q) { q["ignore"].push_back("re:.*k_proj"); }).empty());
    EXPECT_FALSE(with([](Json& q) { q["ignore"] = Json::array(); }).empty());
    EXPECT_FALSE(with([](Json& q) { q["quant_method"] = "other"; }).empty());
    EXPECT_FALSE(with([](Json& q) {
                   q["config_groups"]["group_0"]["weights"]["strategy"] = "group";
                   q["config_groups"]["group_0"]["weights"]["group_size"] = 16;
                   q["config_groups"]["group_0"]["input_activations"] = nullptr;
                 }).empty());
  }
}

TEST_F(SaveFormat, NegativeScalesBesideIntegerActivationsAreFound) {
  const std::string path = folder("compressed") + "/model.safetensors";
  run(recipe_of(kTokenAct, kChannel), true);
  std::vector<std::pair<std::string, Tensor>> tensors;
  {
    const SafetensorsFile file(path);
    for (const auto& entry : file.entries())
      tensors.emplace_back(entry.name, Tensor::copy_of(file.view(entry)));
  }
  std::vector<NamedTensor> views;
  for (auto& [name, tensor] : tensors) {
    if (name == "model.layers.1.mlp.up_proj.weight_scale") tensor.as<float>()[2] *= -1;
    views.push_back({name, tensor.view()});
  }
  write_safetensors(path, views);
  const CheckpointReader checkpoint(model_);
  const ModelSpec model = build_model_spec(ModelConfig::read(model_), checkpoint);
  EXPECT_THAT(find_compressed_problems(folder("compressed"), model, {}, false),
              testing::ElementsAre(HasSubstr("layers.1.mlp.up_proj.weight_scale")));
}

TEST_F(SaveFormat, WhatAFormatCannotHoldIsRefusedBeforeWork) {
  EXPECT_THAT(refusal(recipe_of(kFloatAct, grouped(4, "true", "minmax")), false),
              testing::AllOf(HasSubstr("cannot hold W4A16"),
                             HasSubstr("--save_format compressed_tensors")));
  EXPECT_THAT(refusal(recipe_of(kTokenAct, grouped(8, "true", "minmax")), true),
              HasSubstr("cannot hold W8A8_DYNAMIC with weights in groups"));
  EXPECT_THAT(refusal(recipe_of(kTokenAct,
                                "{dtype: int4, scope: per_channel, symmetric: true, method: ssz}"),
                      true),
              HasSubstr("cannot hold W4A8_DYNAMIC"));
  EXPECT_THAT(
      refusal(recipe_of(kTokenAct, kChannel, "    - {type: smooth_quant, symmetric: false}\n"),
              true),
      HasSubstr("asymmetric smoothing"));
  EXPECT_FALSE(fs::exists(folder("compressed")));
}

}  // namespace
}  // namespace msmodelslim
