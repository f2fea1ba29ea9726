// Models of unknown architectures, models that are Llama's under another name, language models that
// others are wrapped around, and weights that are quantized already.
#include "pipeline/by_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/source.h"
#include "recipe/recipe.h"
#include "shared_data.h"
#include "unit/pipeline/unknown_model.h"

namespace msmodelslim {
namespace {

using testing::Contains;
using testing::HasSubstr;

const std::string kRecipes = MSMODELSLIM_SOURCE_DIR "/recipes/";

class Unknown : public testing::Test {
 protected:
  void SetUp() override {
    root_ = temp_path("unknown");
    fs::remove_all(root_);
    fs::create_directories(root_ + "/model");
    job_.model_path = root_ + "/model";
    job_.save_path = root_ + "/q";
    job_.quiet = true;
    job_.plan = make_plan(read_recipe(kRecipes + "data_free/data-free-w8a8.yaml"));
  }
  void TearDown() override { fs::remove_all(root_); }

  void add(const std::string& name, const Shape& shape, DType dtype = DType::kBF16) {
    tensors_[name] = random_tensor(shape, dtype, static_cast<unsigned>(tensors_.size()) + 1);
  }
  void write(const Json& config) { write_model(root_ + "/model", config, tensors_); }
  // A small model of `golden`, its tensors renamed.
  void take(const std::string& golden, const std::function<std::string(const std::string&)>& name) {
    const CheckpointReader reader(golden_dir() + "/models/" + golden);
    for (const std::string& tensor : reader.names())
      tensors_[name(tensor)] = Tensor::copy_of(reader.at(tensor));
  }
  static Json config_of(const std::string& golden) {
    return read_json_file(golden_dir() + "/models/" + golden + "/config.json");
  }
  QuantSummary run() {
    check_job(job_);
    return quantize_model(job_);
  }
  Json types() const { return read_description(job_.save_path); }
  bool has_forward() const {
    return build_any_spec(ModelConfig::read(job_.model_path), open_source(job_.model_path))
        .has_forward();
  }

  std::string root_;
  QuantJob job_;
  std::map<std::string, Tensor> tensors_;
};

TEST_F(Unknown, QuantizesByTensors) {
  fill_unknown([&](const std::string& name, const Shape& shape) { add(name, shape); });
  write({{"model_type", "newthing"}, {"architectures", {"NewThing"}}, {"vocab_size", 96}});
  EXPECT_FALSE(has_forward());
  const CheckpointReader reader = open_source(job_.model_path);
  const auto lines =
      tensor_plan(job_, build_any_spec(ModelConfig::read(job_.model_path), reader), reader);
  EXPECT_THAT(lines, Contains(HasSubstr("W8A8_DYNAMIC: 6 linears: transformer.h.*.attn.dense")));
  EXPECT_THAT(lines, Contains(HasSubstr("experts in one tensor, as they are: 2 tensors")));
  const QuantSummary summary = run();
  ASSERT_GE(summary.timeline.size(), 2U);  // layers, and what is in none
  for (std::size_t i = 1; i < summary.timeline.size(); ++i)
    EXPECT_GE(summary.timeline[i].seconds, summary.timeline[i - 1].seconds);
  EXPECT_LE(summary.timeline.back().seconds, summary.wall_seconds);
  EXPECT_EQ(types()["transformer.h.0.attn.dense.weight"], "W8A8_DYNAMIC");
  EXPECT_EQ(types()["transformer.h.1.moe.experts.0.w1.weight_scale"], "W8A8_DYNAMIC");
  for (const char* name :
       {"transformer.wte.weight", "transformer.h.0.ln_1.weight", "transformer.h.0.moe.gate.weight",
        "transformer.h.1.moe.experts.gate_up", "visual.blocks.0.attn.qkv.weight", "lm_head.weight"})
    EXPECT_EQ(types()[name], "FLOAT") << name;
  const CheckpointReader out(job_.save_path);
  EXPECT_EQ(out.at("transformer.h.0.attn.query_key_value.weight").dtype, DType::kI8);
  EXPECT_TRUE(out.has("transformer.h.0.attn.query_key_value.bias"));
}

TEST_F(Unknown, RunsEveryDataFreeRecipe) {
  for (const char* layer : {"0", "1"}) add(std::string("l.") + layer + ".fc.weight", {64, 128});
  write({{"model_type", "newthing"}});
  job_.overwrite = true;
  for (const auto& file : fs::directory_iterator(kRecipes + "data_free")) {
    job_.plan = make_plan(read_recipe(file.path().string()));
    run();
    EXPECT_NE(CheckpointReader(job_.save_path).at("l.0.fc.weight_scale").count(), 0) << file.path();
  }
}

TEST_F(Unknown, SaysWhatNeedsAForwardPass) {
  fill_unknown([&](const std::string& name, const Shape& shape) { add(name, shape); });
  write({{"model_type", "newthing"}, {"architectures", {"NewThing"}}});
  job_.plan = make_plan(read_recipe(kRecipes + "default/default-w8a8.yaml"));
  try {
    check_job(job_);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"newthing\" (NewThing)"));
    EXPECT_THAT(error.what(), HasSubstr("config.json has no hidden_size"));
    EXPECT_THAT(error.what(), HasSubstr("iter_smooth"));
    EXPECT_THAT(error.remedy(), HasSubstr("data-free-w8a8"));
  }
}

TEST_F(Unknown, KnowsLlamaUnderAnotherName) {
  take("llama", [](const std::string& name) { return name; });
  Json config = config_of("llama");
  config["model_type"] = "renamed";
  config["architectures"] = {"RenamedForCausalLM"};
  write(config);
  EXPECT_TRUE(has_forward());
  config["residual_multiplier"] = 0.5;
  write(config);
  EXPECT_FALSE(has_forward());
  config.erase("residual_multiplier");
  add("model.layers.0.pre_feedforward_layernorm.weight", {32});
  write(config);
  EXPECT_FALSE(has_forward());
}

// As Qwen2.5-VL: a tower for images, the text model below another name.
TEST_F(Unknown, QuantizesTheTextOfAVisionModel) {
  take("qwen2", [](const std::string& name) {
    return name.rfind("model.", 0) == 0 ? "model.language_model." + name.substr(6) : name;
  });
  add("model.visual.blocks.0.attn.qkv.weight", {96, 32});
  Json text = config_of("qwen2");
  text["model_type"] = "qwen2_5_vl_text";
  const Json tie = text.value("tie_word_embeddings", false);
  write({{"model_type", "qwen2_5_vl"},
         {"architectures", {"Qwen2_5_VLForConditionalGeneration"}},
         {"text_config", text},
         {"tie_word_embeddings", tie},
         {"vision_config", {{"depth", 1}}}});
  EXPECT_TRUE(has_forward());
  job_.plan = make_plan(read_recipe(kRecipes + "default/default-w8a8.yaml"));
  job_.samples = {{1, 5, 9, 20, 3, 7}, {2, 8, 30, 11}};
  run();
  EXPECT_EQ(types()["model.language_model.layers.0.self_attn.q_proj.weight"], "W8A8_DYNAMIC");
  EXPECT_EQ(types()["model.visual.blocks.0.attn.qkv.weight"], "FLOAT");
}

// The same bytes come out whether the fp8 weights are decoded while reading or were before.
TEST_F(Unknown, DecodesFp8WhileReading) {
  take("qwen2", [](const std::string& name) { return name; });
  Json config = config_of("qwen2");
  config["dtype"] = config["torch_dtype"] = "float32";
  for (auto& [name, tensor] : std::map<std::string, Shape>{{"model.layers.0.self_attn.q_proj", {}},
                                                           {"model.layers.1.mlp.down_proj", {}}}) {
    const Shape shape = tensors_.at(name + ".weight").shape();
    Tensor codes(DType::kF8E4M3, shape);
    for (std::int64_t i = 0; i < codes.count(); ++i)
      codes.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 37 % 60 + (i % 2) * 128);
    tensors_[name + ".weight"] = std::move(codes);
    Tensor scale(DType::kF32, {(shape[0] + 127) / 128, (shape[1] + 127) / 128});
    for (std::int64_t i = 0; i < scale.count(); ++i)
      scale.as<float>()[i] = 0.25F / static_cast<float>(i + 1);
    tensors_[name + ".weight_scale_inv"] = std::move(scale);
  }
  config["quantization_config"] = {{"quant_method", "fp8"}, {"weight_block_size", {128, 128}}};
  write(config);
  for (const char* recipe : {"data_free/data-free-w8a8.yaml", "default/default-w8a8.yaml"}) {
    job_.plan = make_plan(read_recipe(kRecipes + recipe));
    job_.samples = {{1, 5, 9, 20, 3, 7}, {2, 8, 30, 11}};
    job_.save_path = root_ + "/from_codes";
    run();
    EXPECT_FALSE(read_json_file(job_.save_path + "/config.json").contains("quantization_config"));
    // The float model that the codes stand for.
    std::map<std::string, Tensor> values;
    {
      const CheckpointReader reader = open_source(job_.model_path);
      for (const std::string& name : reader.names()) {
        Tensor owned;
        values[name] = Tensor::copy_of(reader.source(name).whole(owned));
      }
    }
    QuantJob plain = job_;
    plain.model_path = root_ + "/float";
    plain.save_path = root_ + "/from_values";
    fs::create_directories(plain.model_path);
    std::vector<NamedTensor> list;
    for (const auto& [name, tensor] : values) list.push_back({name, tensor.view()});
    write_safetensors(plain.model_path + "/model.safetensors", list);
    Json clean = config;
    clean.erase("quantization_config");
    std::ofstream(plain.model_path + "/config.json") << clean.dump();
    quantize_model(plain);
    const CheckpointReader a(job_.save_path);
    const CheckpointReader b(plain.save_path);
    ASSERT_EQ(a.names(), b.names());
    for (const std::string& name : a.names())
      EXPECT_EQ(std::memcmp(a.at(name).bytes, b.at(name).bytes, a.at(name).byte_size()), 0) << name;
    fs::remove_all(job_.save_path);
    fs::remove_all(plain.save_path);
  }
}

}  // namespace
}  // namespace msmodelslim
