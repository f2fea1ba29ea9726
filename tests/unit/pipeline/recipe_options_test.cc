// Recipe fields that the Python tool does not have.
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "pipeline/quantize_model.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

// The weight file of a run on a tiny Qwen2 model, whose adapter knows norm-linear pairs only.
std::string quantized(const std::string& process) {
  QuantJob job;
  job.model_path = golden_dir() + "/models/qwen2";
  job.plan = make_plan(parse_recipe("apiversion: modelslim_v1\nspec:\n  process:\n" + process +
                                        "  save: [{type: ascendv1_saver}]\n",
                                    "test.yaml"));
  job.pedigree = "default";
  job.quiet = true;
  job.overwrite = true;
  for (std::int32_t first : {1, 40})
    for (job.samples.emplace_back(); job.samples.back().size() < 60U;)
      job.samples.back().push_back(
          (first + 7 * static_cast<std::int32_t>(job.samples.back().size())) % 300);
  job.save_path = temp_path("recipe_options");
  quantize_model(job);
  return job.save_path + "/quant_model_weights-00001-of-00001.safetensors";
}

std::string bytes_of(const std::string& path, const std::string& tensor) {
  const SafetensorsFile file(path);
  for (const auto& entry : file.entries())
    if (entry.name == tensor) {
      const TensorView view = file.view(entry);
      return {reinterpret_cast<const char*>(view.bytes), view.byte_size()};
    }
  return "";
}

constexpr const char* kDown = "model.layers.0.mlp.down_proj.weight";
constexpr const char* kLaterQuery = "model.layers.1.self_attn.q_proj.weight";

TEST(RecipeOptions, IgnoreAdapterSmoothsPairsThatTheAdapterLacks) {
  const std::string linear =
      "    - {type: linear_quant, qconfig: {act: {dtype: int8, scope: per_token, symmetric: true, "
      "method: minmax}, weight: {dtype: int8, scope: per_channel, symmetric: true, method: "
      "minmax}}}\n";
  const auto down = [&](const std::string& option) {
    return bytes_of(quantized("    - {type: iter_smooth, enable_subgraph_type: [up-down]" + option +
                              "}\n" + linear),
                    kDown);
  };
  const std::string plain = bytes_of(quantized(linear), kDown);
  ASSERT_FALSE(plain.empty());
  EXPECT_TRUE(down("") == plain);
  EXPECT_FALSE(down(", ignore_adapter: true") == plain);
}

TEST(RecipeOptions, QuantizedInputsChangeTheBlocksBehindTheFirst) {
  const auto run = [&](const std::string& ext) {
    const std::string path = quantized(
        "    - {type: linear_quant, qconfig: {act: {dtype: int8, scope: per_token, symmetric: "
        "true, "
        "method: minmax}, weight: {dtype: int4, scope: per_channel, symmetric: true, method: gptq, "
        "ext: {" +
        ext + "}}}}\n");
    return std::pair(bytes_of(path, kDown), bytes_of(path, kLaterQuery));
  };
  const auto plain = run("percdamp: 0.01");
  const auto fed = run("quantized_inputs: true");
  EXPECT_TRUE(fed.first == plain.first);
  EXPECT_FALSE(fed.second == plain.second);
}

TEST(RecipeOptions, Int4ActivationsAreAllowedBesideInt4Weights) {
  const std::string path = quantized(
      "    - {type: linear_quant, qconfig: {act: {dtype: int4, scope: per_token, symmetric: true, "
      "method: minmax}, weight: {dtype: int4, scope: per_channel, symmetric: true, method: "
      "gptq}}}\n");
  const auto description =
      Json::parse(read_file(path.substr(0, path.rfind('/')) + "/quant_model_description.json"));
  EXPECT_EQ(description.at(kDown), "W4A4_DYNAMIC");
}

TEST(RecipeOptions, AutoroundLearnsBehindTheQuantizedBlocks) {
  const auto run = [&](const std::string& field) {
    const std::string path = quantized(
        "    - {type: autoround_quant, iters: 24, lr: 0.04, " + field +
        ", strategies: [{qconfig: {act: {dtype: int8, scope: per_token, symmetric: true, method: "
        "x}, weight: {dtype: int4, scope: per_channel, symmetric: true, method: x}}}]}\n");
    return std::pair(bytes_of(path, kDown), bytes_of(path, kLaterQuery));
  };
  const auto plain = run("quantized_inputs: false");
  const auto fed = run("quantized_inputs: true");
  ASSERT_FALSE(plain.first.empty());
  EXPECT_TRUE(fed.first == plain.first);
  EXPECT_FALSE(fed.second == plain.second);
}

}  // namespace
}  // namespace msmodelslim
