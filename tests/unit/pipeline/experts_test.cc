// Models with experts and latent attention: nothing that only moves values between weights changes
// the output, and experts without calibration tokens are handled as asked.
#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/gguf_convert.h"
#include "pipeline/quantize_model.h"
#include "tensor/codec.h"
#include "tiny_models.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;

std::string linear_quant(const std::string& act, const std::string& method,
                         const std::string& include) {
  return "    - {type: linear_quant, include: ['" + include + "'], exclude: ['*gate'], qconfig: {" +
         "act: {dtype: int8, scope: " + act + ", symmetric: true, method: minmax}, " +
         "weight: {dtype: int8, scope: per_channel, symmetric: true, method: " + method + "}}}\n";
}

std::vector<float> logits_of(const std::string& folder,
                             const std::vector<std::vector<std::int32_t>>& samples) {
  const CheckpointReader checkpoint = opened(folder);
  const ModelSpec model = build_model_spec(ModelConfig::read(folder), checkpoint);
  FloatLinearOp op(DType::kF32);
  const PackedStates states = states_behind_decoders(model, checkpoint, samples, op);
  Head head(model, checkpoint);
  std::vector<float> normed(states.values.size());
  std::vector<float> logits(static_cast<std::size_t>(states.rows * model.vocab));
  head.run(states.values.data(), states.rows, op, normed.data(), logits.data());
  return logits;
}

QuantJob job_of(const std::string& model, const std::string& entries) {
  QuantJob job;
  job.model_path = tiny(model);
  job.save_path = temp_path("experts_" + model);
  job.plan = plan_of_entries(entries);
  job.overwrite = job.quiet = true;
  return job;
}

// The model, without the next-token layers that are only copied and no rotation can turn.
std::string without_copied_layers(const std::string& name) {
  if (name != "step3p5") return tiny(name);
  return tiny_without(
      name, [](const std::string& tensor) { return tensor.starts_with("model.layers.3."); });
}

bool can_rotate(const std::string& name) {
  const CheckpointReader checkpoint = open_source(tiny(name));
  const ModelSpec model = build_model_spec(ModelConfig::read(tiny(name)), checkpoint);
  return std::all_of(model.blocks.begin(), model.blocks.end(),
                     [](const BlockSpec& block) { return block.can_rotate(); });
}

class Rewrites : public testing::TestWithParam<const char*> {};

TEST_P(Rewrites, LeaveTheOutputAsItWas) {
  const std::pair<const char*, const char*> recipes[] = {
      {"rotation", "    - {type: quarot, export_extra_info: false}\n"},
      {"smoothing", "    - {type: iter_smooth, alpha: 0.5, ignore_adapter: true}\n"},
      {"flex", "    - {type: flex_smooth_quant, ignore_adapter: true}\n"}};
  const std::vector<std::vector<std::int32_t>> samples = {{5, 9, 23, 2, 31, 8}, {4, 1, 30, 17}};
  const std::vector<float> before = logits_of(tiny(GetParam()), samples);
  for (const auto& [name, entry] : recipes) {
    if (std::string(name) == "rotation" && !can_rotate(GetParam())) {
      EXPECT_THROW(quantize_model(job_of(GetParam(), entry)), UsageError);
      continue;
    }
    // A linear has to be quantized; a range of 8 bits of the head alone would be seen.
    QuantJob job = job_of(GetParam(), entry + linear_quant("per_token", "minmax", "nothing"));
    job.samples = samples;
    if (std::string(name) == "rotation") job.model_path = without_copied_layers(GetParam());
    quantize_model(job);
    const std::vector<float> after = logits_of(job.save_path, samples);
    double worst = 0;
    double largest = 0;
    for (std::size_t i = 0; i < after.size(); ++i) {
      worst = std::max(worst, std::fabs(static_cast<double>(after[i]) - before[i]));
      largest = std::max(largest, std::fabs(static_cast<double>(before[i])));
    }
    EXPECT_LT(worst, 1e-4 * largest) << name;
    EXPECT_NE(after, before) << name;
    fs::remove_all(job.save_path);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Families, Rewrites,
    testing::Values("mixtral", "qwen2_moe", "qwen3_moe", "glm4_moe", "deepseek_v3", "glm4_moe_lite",
                    "qwen3_next", "qwen3_5_text", "minimax_m2", "deepseek_v2", "deepseek_v32",
                    "glm_moe_dsa", "seed_oss", "internlm3", "smollm3", "granite", "olmo2", "phi3",
                    "glm", "glm4", "cohere", "gemma2", "gemma3_text", "gpt_oss", "qwen3_5_moe_text",
                    "internlm2", "baichuan", "qwen", "chatglm", "mistral", "hunyuan_v1_dense",
                    "hunyuan_v1_moe", "gpt_neox", "gpt_neox_serial", "starcoder2", "cohere_qk",
                    "cohere2", "olmo3", "olmoe", "gemma", "baichuan_13b", "longcat_flash",
                    "step3p5", "ministral3", "phi3_longrope", "glm_moe_dsa_shared", "deepseek_v4"));

// Two tokens reach at most four of the six experts.
class Unseen : public testing::TestWithParam<const char*> {
 protected:
  QuantJob job(ExpertFallback fallback) {
    QuantJob job = job_of("qwen2_moe", GetParam());
    job.samples = {{5, 9}};
    job.expert_fallback = fallback;
    return job;
  }
  static std::string type_of_experts(const QuantJob& job) {
    const Json types = read_description(job.save_path);
    fs::remove_all(job.save_path);
    return types.at("model.layers.0.mlp.experts.0.up_proj.weight");
  }
  static bool is_static() {
    return std::string(GetParam()).find("per_tensor") != std::string::npos;
  }
};

TEST_P(Unseen, ErrorNamesTheLayer) {
  try {
    quantize_model(job(ExpertFallback::kError));
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("model.layers.0.mlp"));
    EXPECT_THAT(error.what(), HasSubstr("of 6 experts"));
  }
}

TEST_P(Unseen, MoreTokensAreShown) {
  for (const ExpertFallback fallback : {ExpertFallback::kAllTokens, ExpertFallback::kNearest}) {
    const QuantJob shown = job(fallback);
    const QuantSummary summary = quantize_model(shown);
    EXPECT_EQ(summary.expert_tokens.size(), 6U);
    EXPECT_EQ(type_of_experts(shown), is_static() ? "W8A8" : "W8A8_DYNAMIC");
  }
}

TEST_P(Unseen, DynamicGoesWithoutData) {
  const QuantJob without = job(ExpertFallback::kDynamic);
  quantize_model(without);
  EXPECT_EQ(type_of_experts(without), "W8A8_DYNAMIC");
}

const std::string kStatic = linear_quant("per_tensor", "minmax", "*");
const std::string kGptq = linear_quant("per_token", "gptq", "*");
const std::string kSmoothed = "    - {type: flex_smooth_quant, ignore_adapter: true}\n" +
                              linear_quant("per_token", "minmax", "*");

INSTANTIATE_TEST_SUITE_P(Recipes, Unseen,
                         testing::Values(kStatic.c_str(), kGptq.c_str(), kSmoothed.c_str()));

TEST(Experts, EnginesFindTheirKeysAndEveryTensorIsKept) {
  const std::string model = temp_path("extra_model");
  fs::create_directories(model);
  const CheckpointReader source(tiny("deepseek_v3"));
  const std::vector<float> values = {1, 2, 3};
  std::vector<NamedTensor> tensors;
  for (const std::string& name : source.names()) tensors.push_back({name, source.at(name)});
  const Tensor extra = from_f32(values.data(), {3}, DType::kF32);
  tensors.push_back({"model.layers.7.something.scale", extra.view()});
  write_safetensors(model + "/model.safetensors", tensors);
  fs::copy(tiny("deepseek_v3") + "/config.json", model + "/config.json",
           fs::copy_options::overwrite_existing);
  QuantJob job = job_of("deepseek_v3",
                        "    - {type: linear_quant, include: ['*mlp.experts*'], qconfig: {act: "
                        "{dtype: int8, scope: per_token, symmetric: true, method: minmax}, weight: "
                        "{dtype: int4, scope: per_channel, symmetric: true, method: minmax}}}\n");
  job.model_path = model;
  quantize_model(job);
  const CheckpointReader written(job.save_path);
  for (const std::string& name : source.names()) EXPECT_TRUE(written.has(name)) << name;
  EXPECT_TRUE(written.has("model.layers.7.something.scale"));
  const Json config = read_json_file(job.save_path + "/config.json");
  EXPECT_EQ(config.at("moe_quantize"), "w4a8_dynamic");
  EXPECT_EQ(config.at("mtp_quantize"), "w8a8_dynamic");
  fs::remove_all(model);
  fs::remove_all(job.save_path);
}

TEST(Experts, NextTokenLayersThatCannotBeRotatedAreRefusedByName) {
  try {
    quantize_model(job_of(
        "step3p5", "    - {type: quarot}\n" + linear_quant("per_token", "minmax", "*.experts.*")));
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("model.layers.3.eh_proj.weight reads hidden states"));
    EXPECT_THAT(error.remedy(), HasSubstr("leave quarot"));
  }
}

TEST(Experts, TensorsThatNoBlockReadsAreCopied) {
  for (const auto& [name, extra] : {std::pair{"longcat_flash", "model.mtp.layers.0.eh_proj.weight"},
                                    {"step3p5", "model.layers.3.eh_proj.weight"}}) {
    const QuantJob job = job_of(name, linear_quant("per_token", "minmax", "*.experts.*"));
    quantize_model(job);
    const CheckpointReader written(job.save_path);
    const CheckpointReader source = open_source(tiny(name));
    for (const std::string& tensor : source.names()) EXPECT_TRUE(written.has(tensor)) << tensor;
    EXPECT_TRUE(written.has(extra));
    EXPECT_EQ(read_description(job.save_path).at(extra), "FLOAT");
    fs::remove_all(job.save_path);
  }
}

// E4M3 with one exponent for all, or two FP4 codes a byte with one for every 32 values of a row;
// the codes are the bits of the values, whatever these are.
void add_codes(const std::string& name, const TensorView& values, bool fp4,
               std::map<std::string, Tensor>& to) {
  const std::int64_t rows = values.shape[0];
  const std::int64_t bytes = fp4 ? values.shape[1] / 2 : values.shape[1];
  Tensor codes(fp4 ? DType::kI8 : DType::kF8E4M3, {rows, bytes});
  for (std::int64_t i = 0; i < codes.count(); ++i)
    codes.as<std::uint8_t>()[i] =
        fp4 ? static_cast<std::uint8_t>(i * 37 % 251) : f32_to_e4m3(values.as<float>()[i] * 16);
  Tensor scale(DType::kF8E8M0, {fp4 ? rows : 1, fp4 ? values.shape[1] / 32 : 1});
  for (std::int64_t i = 0; i < scale.count(); ++i)
    scale.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(123 - i % 2);
  to[name + ".weight"] = std::move(codes);
  to[name + ".scale"] = std::move(scale);
}

void write_folder(const std::string& folder, const std::map<std::string, Tensor>& tensors) {
  std::vector<NamedTensor> list;
  for (const auto& [name, tensor] : tensors) list.push_back({name, tensor.view()});
  fs::create_directories(folder);
  write_safetensors(folder + "/model.safetensors", list);
  fs::copy(tiny("deepseek_v4") + "/config.json", folder + "/config.json",
           fs::copy_options::overwrite_existing);
}

TEST(Experts, CodesOfDeepSeekV4GiveWhatTheirValuesGive) {
  const CheckpointReader source = open_source(tiny("deepseek_v4"));
  std::map<std::string, Tensor> coded;
  for (const std::string& name : source.names()) {
    const TensorView view = source.at(name);
    const std::string linear = name.substr(0, name.rfind(".weight"));
    const bool keeps = view.shape.size() != 2 || !name.ends_with(".weight") ||
                       name.find("layers.") == std::string::npos || linear.ends_with(".gate");
    if (keeps)
      coded[name] = view.dtype == DType::kI32
                        ? Tensor::copy_of(view)
                        : from_f32(view.as<float>(), view.shape, DType::kBF16);
    else
      add_codes(linear, view, name.find(".experts.") != std::string::npos && view.shape[1] == 32,
                coded);
  }
  const std::string codes = temp_path("v4_codes");
  const std::string values = temp_path("v4_values");
  write_folder(codes, coded);
  std::map<std::string, Tensor> plain;
  const CheckpointReader decoded = open_source(codes);
  for (const std::string& name : decoded.names()) {
    Tensor owned;
    plain[name] = Tensor::copy_of(decoded.source(name).whole(owned));
  }
  write_folder(values, plain);
  QuantJob job = job_of("deepseek_v4", "    - {type: quarot, block_size: 32}\n" +
                                           linear_quant("per_token", "minmax", "*"));
  job.samples = {{5, 9, 23, 2, 31, 8, 4, 1, 30, 17, 11, 3}};
  const auto tensors_from = [&](const std::string& model) {
    job.model_path = model;
    quantize_model(job);
    std::map<std::string, std::string> bytes;
    const CheckpointReader written(job.save_path);
    for (const std::string& name : written.names()) {
      const TensorView view = written.at(name);
      bytes[name] = {reinterpret_cast<const char*>(view.bytes), view.byte_size()};
    }
    fs::remove_all(job.save_path);
    return bytes;
  };
  const auto from_codes = tensors_from(codes);
  EXPECT_EQ(from_codes, tensors_from(values));
  for (const std::string& name : source.names()) EXPECT_EQ(from_codes.count(name), 1U) << name;
  EXPECT_EQ(from_codes.count("layers.1.attn.wq_a.weight_scale"), 1U);
  EXPECT_EQ(from_codes.count("layers.1.attn.wo_a.weight_scale"), 0U);
  fs::remove_all(codes);
  fs::remove_all(values);
}

TEST(Experts, TheTableOfFixedExpertsMustNameExperts) {
  const CheckpointReader source = open_source(tiny("deepseek_v4"));
  std::map<std::string, Tensor> tensors;
  for (const std::string& name : source.names()) tensors[name] = Tensor::copy_of(source.at(name));
  tensors["layers.0.ffn.gate.tid2eid"].as<std::int32_t>()[5] = 4;
  const std::string folder = temp_path("v4_table");
  write_folder(folder, tensors);
  QuantJob job = job_of("deepseek_v4", linear_quant("per_token", "minmax", "*"));
  job.model_path = folder;
  try {
    quantize_model(job);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("layers.0.ffn.gate.tid2eid names expert 4"));
  }
  fs::remove_all(folder);
}

TEST(Experts, GlmFivesFinalNormIsAlsoWrittenTurned) {
  QuantJob job = job_of(
      "glm_moe_dsa", "    - {type: quarot}\n" + linear_quant("per_token", "minmax", "*.experts.*"));
  job.pedigree = "glm_5";
  quantize_model(job);
  const CheckpointReader written(job.save_path);
  const CheckpointReader source = open_source(job.model_path);
  const std::string rotation_file = job.save_path + "/optional/quarot.safetensors";
  const SafetensorsFile file(rotation_file);
  const Tensor rotation = to_f32(file.view(file.entries().front()));
  const Tensor norm = to_f32(source.at("model.norm.weight"));
  const TensorView turned = written.at("rot.weight");
  const std::int64_t n = norm.count();
  ASSERT_EQ(turned.shape, (Shape{n, n}));
  EXPECT_EQ(turned.dtype, source.at("model.norm.weight").dtype);
  const Tensor values = to_f32(turned);
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t k = 0; k < n; ++k) {
      double sum = 0;
      for (std::int64_t i = 0; i < n; ++i)
        sum += static_cast<double>(rotation.as<float>()[i * n + j]) * norm.as<float>()[i] *
               rotation.as<float>()[i * n + k];
      EXPECT_NEAR(values.as<float>()[j * n + k], sum, 1e-5) << j << " " << k;
    }
  EXPECT_EQ(read_description(job.save_path).at("is_rot_used"), true);
  const Json index = read_json_file(job.save_path + "/quant_model_weights.safetensors.index.json");
  EXPECT_EQ(index.at("weight_map").at("rot.weight"), "rot.safetensors");
  const std::string converted = temp_path("glm_5_float");
  convert_model_folder({job.save_path, converted, DType::kF32, true});
  const CheckpointReader floats(converted);
  EXPECT_TRUE(floats.has("model.norm.weight"));
  EXPECT_FALSE(floats.has("rot.weight")) << "no engine reads it beside float weights";
  EXPECT_FALSE(fs::exists(converted + "/rot.safetensors"));
  for (const std::string& name : floats.names())
    EXPECT_TRUE(name.starts_with("model.") || name.starts_with("lm_head.")) << name;
  fs::remove_all(converted);
  job.pedigree = "default";
  quantize_model(job);
  EXPECT_FALSE(fs::exists(job.save_path + "/rot.safetensors"));
  EXPECT_FALSE(read_description(job.save_path).contains("is_rot_used"));
  fs::remove_all(job.save_path);
}

TEST(Experts, ThoseWithoutWeightsAreNotCounted) {
  QuantJob job =
      job_of("longcat_flash", "    - {type: iter_smooth, alpha: 0.5, ignore_adapter: true}\n" +
                                  linear_quant("per_token", "minmax", "*.experts.*"));
  job.samples = {{5, 9, 23, 2, 31, 8, 4, 1, 30, 17, 11, 3}};
  const QuantSummary summary = quantize_model(job);
  ASSERT_EQ(summary.expert_tokens.size(), 8U);  // 4 in each of two layers
  // Each token has 3 choices among 4 experts and 2 without weights.
  const auto tokens =
      std::accumulate(summary.expert_tokens.begin(), summary.expert_tokens.end(), std::int64_t{0});
  EXPECT_GE(tokens, 12 * 2);
  EXPECT_LT(tokens, 12 * 3 * 2);
  fs::remove_all(job.save_path);
}

TEST(Experts, LearningThemIsRefusedBeforeWork) {
  QuantJob job = job_of("qwen2_moe",
                        "    - type: autoround_quant\n"
                        "      iters: 1\n"
                        "      strategies:\n"
                        "        - qconfig:\n"
                        "            act: {dtype: int8, scope: per_token, symmetric: true, method: "
                        "minmax}\n"
                        "            weight: {dtype: int8, scope: per_channel, symmetric: true, "
                        "method: autoround}\n");
  job.samples = {{5, 9}};
  EXPECT_THROW(check_job(job), UsageError);
}

TEST(Experts, AKvCacheOfHeadsIsRefusedForLatentAttention) {
  QuantJob job = job_of("deepseek_v3",
                        "    - {type: dynamic_cache, qconfig: {dtype: int8, scope: per_channel, "
                        "symmetric: true, method: minmax}}\n");
  job.samples = {{5, 9}};
  EXPECT_THROW(check_job(job), UsageError);
}

}  // namespace
}  // namespace msmodelslim
