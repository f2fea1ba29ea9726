// Every recipe of these families runs on a tiny model of its family, and the result computes.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <regex>
#include <set>

#include "base/files.h"
#include "checkpoint/ascendv1.h"
#include "eval/perplexity.h"
#include "pipeline/planned_linears.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

const std::string kSource = MSMODELSLIM_SOURCE_DIR;

struct LibraryRecipe {
  std::string pedigree;
  std::string file;
};

void PrintTo(const LibraryRecipe& recipe, std::ostream* out) { *out << recipe.file; }

std::vector<LibraryRecipe> recipes() {
  std::vector<LibraryRecipe> found = {{"qwq", "qwq-32b-w8a8.yaml"},
                                      {"qwen3", "qwen3-32b-dense-w4a4.yaml"}};
  for (const char* pedigree :
       {"qwen3_moe", "deepseek_v3", "kimi_k2", "glm4_moe", "glm4_moe_lite", "minimax_m2",
        "qwen3_next", "deepseek_v3_2", "glm_5", "longcat_flash", "step_3_5_flash", "deepseek_v4"})
    for (const auto& item : fs::directory_iterator(kSource + "/recipes/" + pedigree))
      found.push_back({pedigree, item.path().filename().string()});
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.file < b.file; });
  return found;
}

// Layer numbers of the real model as those of the tiny one: of Qwen3-30B the last layers (41 to 47)
// are its second, of Qwen3-Coder-480B the first and last ones (0 to 4, 57 to 61) its first; layers
// 61 of DeepSeek-V3 and 92 of GLM-4.7 predict the next token, here 2. Attention stays float in the
// first and last layers of DeepSeek, here in the first. Layer 78 of GLM-5 predicts the next token;
// the tiny model has none. Rounding is learned in fewer steps.
std::string for_tiny_model(const std::string& text, const std::string& file) {
  const auto rename = [&](const char* layers, const char* layer) {
    return std::regex_replace(text, std::regex(layers), layer);
  };
  if (file.find("480b") != std::string::npos)
    return rename(R"(layers\.(5[7-9]|6[01]|[0-4])\.)", "layers.0.");
  if (file.find("30b") != std::string::npos) return rename(R"(layers\.4[1-7]\.)", "layers.1.");
  if (file.find("dense-w4a4") != std::string::npos) return rename("iters: 400", "iters: 20");
  const auto fa = std::regex(R"(layers\.\{\{0\.\.[^"]*\}\}\.)");
  return std::regex_replace(rename(R"(layers\.(61|92)\.)", "layers.2."), fa, "layers.0.");
}

// Kimi-K2 is DeepSeek-V3 under another name, without a next-token layer.
std::string model_of(const std::string& pedigree) {
  const std::string tiny = kSource + "/tests/golden/data/tiny/";
  if (pedigree == "qwq") return kSource + "/tests/golden/data/models/qwen2";
  if (pedigree == "qwen3") return kSource + "/tests/golden/data/models/qwen3";
  if (pedigree == "deepseek_v3_2") return tiny + "deepseek_v32";
  if (pedigree == "glm_5") return tiny + "glm_moe_dsa";
  if (pedigree == "step_3_5_flash") return tiny + "step3p5";
  if (pedigree != "kimi_k2") return tiny + pedigree;
  const std::string copy = temp_path("kimi");
  fs::create_directories(copy);
  fs::copy(tiny + "deepseek_v3/model.safetensors", copy + "/model.safetensors",
           fs::copy_options::overwrite_existing);
  Json config = read_json_file(tiny + "deepseek_v3/config.json");
  config["model_type"] = "kimi_k2";
  std::ofstream(copy + "/config.json") << config.dump();
  return copy;
}

class LibraryRecipes : public testing::TestWithParam<LibraryRecipe> {};

TEST_P(LibraryRecipes, RunsAndGenerates) {
  const auto& [pedigree, file] = GetParam();
  const std::string recipe = temp_path("recipe") + ".yaml";
  write_file_atomic(recipe,
                    for_tiny_model(read_file(kSource + "/recipes/" + pedigree + "/" + file), file));
  QuantJob job;
  job.model_path = model_of(pedigree);
  job.save_path = temp_path("recipe_out");
  job.plan = make_plan(read_recipe(recipe));
  job.pedigree = pedigree;
  job.overwrite = job.quiet = true;
  std::mt19937 generator(5);
  const auto vocab =
      static_cast<std::uint32_t>(ModelConfig::read(job.model_path).size("vocab_size"));
  for (int s = 0; s < 4; ++s) {
    job.samples.emplace_back();
    for (int t = 0; t < 40; ++t)
      job.samples.back().push_back(static_cast<std::int32_t>(generator() % vocab));
  }
  job.prior_samples.assign(job.plan.priors.size(), job.samples);
  check_job(job);
  quantize_model(job);                       // reads the folder back and checks the contract
  std::set<std::string> wanted = {"FLOAT"};  // embedding and norms
  {
    const CheckpointReader checkpoint(job.model_path);
    const ModelSpec model = build_model_spec(ModelConfig::read(job.model_path), checkpoint);
    for (const PlannedLinear& linear : planned_linears(job, model)) wanted.insert(linear.type);
  }
  std::set<std::string> got;
  const Json description = read_description(job.save_path);
  for (const auto& [name, type] : description.items())
    if (name.ends_with(".weight")) got.insert(type.get<std::string>());
  const std::string entry = pedigree == "deepseek_v3" ? ".fa_k.scale"
                            : pedigree == "glm_5"     ? ".indexer.quant_type"
                                                      : ".k_proj.kv_cache_scale";
  EXPECT_EQ(description.contains("model.layers.1.self_attn" + entry),
            file.find("c8") != std::string::npos && file.find("c8_mxfp4") == std::string::npos);
  EXPECT_EQ(got, wanted);
  EXPECT_GE(got.size(), 2U);
  EXPECT_EQ(got.count("W4A8_DYNAMIC"), file.find("w4a8") != std::string::npos ? 1U : 0U);

  PerplexityOptions options;
  options.model_paths = {job.save_path};
  options.float_path = job.model_path;
  options.seqlen = 20;
  const auto result = evaluate_perplexity(options, job.samples.front()).front();
  EXPECT_LT(result.kl.value().mean, 0.5);
  fs::remove_all(job.save_path);
  fs::remove(recipe);
}

std::string recipe_name(const testing::TestParamInfo<LibraryRecipe>& param) {
  std::string name = param.param.file;
  for (char& c : name)
    if (isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Families, LibraryRecipes, testing::ValuesIn(recipes()), recipe_name);

// vLLM reads Step's experts one by one under these names, although the source stacks them.
TEST(CompressedFolders, OfStepAndDeepSeekV4AreReadBack) {
  for (const auto& [model, expert, kept] :
       {std::tuple{"step3p5", "model.layers.1.moe.experts.3.gate_proj", "model.layers.1.moe.gate"},
        {"deepseek_v4", "layers.1.ffn.experts.3.w1", "layers.1.ffn.gate"}}) {
    QuantJob job;
    job.model_path = kSource + "/tests/golden/data/tiny/" + model;
    job.save_path = temp_path("compressed_out");
    job.plan = make_plan(parse_recipe(R"(
apiversion: modelslim_v1
spec:
  process:
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}
  save: [{type: compressed_tensors}]
)",
                                      "test.yaml"));
    job.overwrite = job.quiet = true;
    check_job(job);
    quantize_model(job);
    const CheckpointReader written(job.save_path);
    EXPECT_EQ(written.at(std::string(expert) + ".weight").dtype, DType::kI8);
    EXPECT_TRUE(written.has(std::string(expert) + ".weight_scale"));
    EXPECT_FALSE(written.has("model.layers.1.moe.gate_proj.weight"));
    EXPECT_FALSE(written.has(std::string(kept) + ".weight_scale"));
    const Json config = read_json_file(job.save_path + "/config.json").at("quantization_config");
    EXPECT_EQ(config.at("quant_method"), "compressed-tensors");
    PerplexityOptions options;
    options.model_paths = {job.save_path};
    options.float_path = job.model_path;
    options.seqlen = 20;
    std::vector<std::int32_t> text;
    for (std::int32_t i = 0; i < 80; ++i) text.push_back(i * 7 % 31);
    EXPECT_LT(evaluate_perplexity(options, text).front().kl.value().mean, 0.1) << model;
    fs::remove_all(job.save_path);
  }
}

}  // namespace
}  // namespace msmodelslim
