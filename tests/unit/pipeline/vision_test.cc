// Models that also see or hear: their text model is quantized, everything else is copied, and all
// names are the file's. Made by tests/golden/make/tiny_vision.py with transformers.
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/source.h"
#include "pipeline/quantize_model.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

constexpr const char* kRecipe = R"(
apiversion: modelslim_v1
spec:
  process:
    - {type: iter_smooth, alpha: 0.5}
    - type: linear_quant
      qconfig:
        act: {dtype: int8, scope: per_token, symmetric: true, method: minmax}
        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}
      exclude: ['*mlp.gate']
  save: [{type: ascendv1_saver}]
)";

std::string tiny(const std::string& name) {
  return std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/" + name;
}

// Everything outside of the layers of `text` must be as in the source, and their names too.
void expect_text_alone(const std::string& model, const std::string& text) {
  QuantJob job;
  job.model_path = model;
  job.save_path = temp_path("vision_out");
  job.plan = make_plan(parse_recipe(kRecipe, "test.yaml"));
  job.pedigree = "default";
  job.overwrite = job.quiet = true;
  job.samples = {{5, 9, 23, 2, 31, 8, 4, 1, 30, 17}, {11, 3, 7, 7, 2, 21}};
  quantize_model(job);
  const CheckpointReader source = open_source(model);
  const CheckpointReader written(job.save_path);
  const Json types = read_description(job.save_path);
  std::size_t copied = 0;
  for (const std::string& name : source.names()) {
    ASSERT_TRUE(written.has(name)) << name;
    if (name.starts_with(text + "layers.")) continue;
    const TensorView before = source.at(name);
    const TensorView after = written.at(name);
    EXPECT_EQ(types.at(name), "FLOAT") << name;
    EXPECT_EQ(after.dtype, before.dtype) << name;
    ASSERT_EQ(after.shape, before.shape) << name;
    EXPECT_TRUE(std::equal(after.bytes, after.bytes + after.byte_size(), before.bytes)) << name;
    copied += name.starts_with(text) || name.find("lm_head") != std::string::npos ? 0 : 1;
  }
  EXPECT_GT(copied, 5U) << "nothing that sees or hears";
  for (const char* layer : {"layers.0.", "layers.1."})
    for (const char* linear : {"q_proj", "k_proj", "v_proj", "o_proj"})
      EXPECT_EQ(types.at(text + layer + "self_attn." + linear + ".weight"), "W8A8_DYNAMIC");
  for (const auto& [name, type] : types.items())
    EXPECT_TRUE(type != "W8A8_DYNAMIC" || name.starts_with(text + "layers.") || !written.has(name))
        << name;
  EXPECT_EQ(read_json_file(job.save_path + "/config.json"), read_json_file(model + "/config.json"));
  fs::remove_all(job.save_path);
}

struct Folder {
  const char* name;
  const char* text;  // prefix of its text model
};
void PrintTo(const Folder& folder, std::ostream* out) { *out << folder.name; }

class Vision : public testing::TestWithParam<Folder> {};

TEST_P(Vision, OnlyTheTextModelIsQuantized) {
  expect_text_alone(tiny(GetParam().name), GetParam().text);
}

// a . b for all rows of both, as [rows of a, rows of b].
std::vector<float> inner_products(const std::vector<float>& a, const std::vector<float>& b,
                                  std::size_t width) {
  std::vector<float> all;
  for (std::size_t i = 0; i < a.size(); i += width)
    for (std::size_t j = 0; j < b.size(); j += width) {
      float sum = 0;
      for (std::size_t k = 0; k < width; ++k) sum += a[i + k] * b[j + k];
      all.push_back(sum);
    }
  return all;
}

std::vector<float> values_of(const TensorView& tensor) {
  const Tensor f = to_f32(tensor);
  return {f.as<float>(), f.as<float>() + f.count()};
}

// The outputs of a linear, one state for each input and one for the bias.
std::vector<float> states_of(const CheckpointReader& folder, const std::string& module,
                             std::size_t hidden) {
  const std::vector<float> weight = values_of(folder.at(module + ".weight"));
  const std::size_t in = weight.size() / hidden;
  std::vector<float> states;
  for (std::size_t i = 0; i < in; ++i)
    for (std::size_t h = 0; h < hidden; ++h) states.push_back(weight[h * in + i]);
  if (const auto bias = folder.find(module + ".bias"))
    for (const float value : values_of(*bias)) states.push_back(value);
  return states;
}

QuantJob rotating_job(const std::string& model_path) {
  QuantJob job;
  job.model_path = model_path;
  job.save_path = temp_path("vision_out");
  std::string recipe = kRecipe;
  recipe.replace(recipe.find("{type: iter_smooth, alpha: 0.5}"), 31, "{type: quarot}");
  job.plan = make_plan(parse_recipe(recipe, "test.yaml"));
  job.pedigree = "default";
  job.overwrite = job.quiet = true;
  return job;
}

// A rotation keeps inner products with the embedding's rows, which it turns as well.
TEST(VisionRotation, TurnsWhatIsSentIntoTheTextModel) {
  for (const auto& [model, embedding, modules] :
       {std::tuple{"qwen2_5_vl", "model.embed_tokens.weight",
                   std::vector<std::string>{"visual.merger.mlp.2"}},
        {"qwen3_vl",
         "model.language_model.embed_tokens.weight",
         {"model.visual.merger.linear_fc2", "model.visual.deepstack_merger_list.0.linear_fc2"}},
        {"glm4v_moe",
         "model.language_model.embed_tokens.weight",
         {"model.visual.merger.down_proj"}},
        {"internvl",
         "language_model.model.embed_tokens.weight",
         {"multi_modal_projector.linear_2"}},
        {"qwen3_omni_moe_thinker",
         "thinker.model.embed_tokens.weight",
         {"thinker.visual.merger.mlp.2", "thinker.visual.merger_list.0.mlp.2",
          "thinker.audio_tower.proj2"}}}) {
    const QuantJob job = rotating_job(tiny(model));
    quantize_model(job);
    const CheckpointReader source = open_source(job.model_path);
    const CheckpointReader written(job.save_path);
    const auto hidden = static_cast<std::size_t>(source.at(embedding).shape[1]);
    const std::vector<float> tokens = values_of(source.at(embedding));
    const std::vector<float> turned = values_of(written.at(embedding));
    EXPECT_THAT(turned, testing::Not(testing::Pointwise(testing::FloatNear(1e-3F), tokens)));
    for (const std::string& module : modules)
      EXPECT_THAT(
          inner_products(states_of(written, module, hidden), turned, hidden),
          testing::Pointwise(testing::FloatNear(1e-4F),
                             inner_products(states_of(source, module, hidden), tokens, hidden)))
          << module;
    fs::remove_all(job.save_path);
  }
}

// The model with linears [., hidden] more, whose values are small integers.
std::string with_linears(const std::string& model, const std::vector<std::string>& modules,
                         std::int64_t hidden, const Json& talker) {
  std::string folder = temp_path("vision_talker");
  fs::remove_all(folder);
  fs::create_directories(folder);
  Tensor weight(DType::kF32, {5, hidden});
  for (std::int64_t i = 0; i < weight.count(); ++i)
    weight.as<float>()[i] = static_cast<float>(i % 7) - 3;
  const CheckpointReader source(tiny(model));
  std::vector<NamedTensor> tensors;
  for (const std::string& name : source.names()) tensors.push_back({name, source.at(name)});
  for (const std::string& module : modules) tensors.push_back({module + ".weight", weight.view()});
  write_safetensors(folder + "/model.safetensors", tensors);
  Json config = read_json_file(tiny(model) + "/config.json");
  config["talker_config"] = talker;
  write_file_atomic(folder + "/config.json", config.dump());
  return folder;
}

// What they make of a state stays the same, since its rows are turned as the states are.
TEST(VisionRotation, TurnsTheLinearsWithWhichATalkerReadsStates) {
  const std::string embedding = "thinker.model.embed_tokens.weight";
  const std::int64_t hidden = open_source(tiny("qwen3_omni_moe_thinker")).at(embedding).shape.at(1);
  const std::vector<std::string> modules = {"talker.hidden_projection.linear_fc1",
                                            "talker.text_projection.linear_fc1"};
  const std::string model =
      with_linears("qwen3_omni_moe_thinker", modules, hidden, {{"accept_hidden_layer", 1}});
  const QuantJob job = rotating_job(model);
  quantize_model(job);
  const CheckpointReader source = open_source(model);
  const CheckpointReader written(job.save_path);
  const auto width = static_cast<std::size_t>(hidden);
  for (const std::string& module : modules) {
    const std::vector<float> turned = values_of(written.at(module + ".weight"));
    EXPECT_NE(turned, values_of(source.at(module + ".weight")));
    EXPECT_THAT(inner_products(turned, values_of(written.at(embedding)), width),
                testing::Pointwise(testing::FloatNear(1e-4F),
                                   inner_products(values_of(source.at(module + ".weight")),
                                                  values_of(source.at(embedding)), width)));
  }
  fs::remove_all(job.save_path);
  fs::remove_all(model);
}

void expect_refused(const std::string& model, const std::string& message) {
  try {
    quantize_model(rotating_job(model));
    ADD_FAILURE() << "not refused: " << message;
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(message));
    EXPECT_THAT(error.remedy(), testing::HasSubstr("leave quarot"));
  }
  fs::remove_all(model);
}

TEST(VisionRotation, RefusesTalkersThatReadStatesBehindTheFinalNorm) {
  const auto hidden = [](const std::string& model) {
    return open_source(tiny(model)).at("thinker.model.embed_tokens.weight").shape.at(1);
  };
  expect_refused(with_linears("qwen2_5_omni_thinker", {"talker.thinker_to_talker_proj"},
                              hidden("qwen2_5_omni_thinker"), Json::object()),
                 "talker.thinker_to_talker_proj.weight reads hidden states");
  expect_refused(with_linears("qwen3_omni_moe_thinker", {"talker.hidden_projection.linear_fc1"},
                              hidden("qwen3_omni_moe_thinker"), {{"accept_hidden_layer", 2}}),
                 "the talker reads states behind layer 2 of 2");
}

INSTANTIATE_TEST_SUITE_P(Folders, Vision,
                         testing::Values(Folder{"qwen2_5_vl", "model."},
                                         Folder{"qwen3_vl", "model.language_model."},
                                         Folder{"qwen3_vl_moe", "model.language_model."},
                                         Folder{"glm4v_moe", "model.language_model."},
                                         Folder{"internvl", "language_model.model."},
                                         Folder{"qwen2_5_omni_thinker", "thinker.model."},
                                         Folder{"qwen3_omni_moe_thinker", "thinker.model."}));

// Of transformers no class: DeepSeek-V3 under the names and config.json of the published folders.
class Renamed : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = temp_path("vision_model");
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& model, const Json& outer, const char* text_key,
             const std::vector<std::pair<std::string, Shape>>& others) {
    const CheckpointReader source = open_source(tiny(model));
    std::vector<Tensor> made;
    std::vector<NamedTensor> tensors;
    for (const std::string& name : source.names())
      if (name.find("layers.2.") == std::string::npos)  // without next-token layers
        tensors.push_back({"language_model." + name, source.at(name)});
    for (const auto& [name, shape] : others) {
      made.emplace_back(DType::kF32, shape);
      for (std::int64_t i = 0; i < made.back().count(); ++i)
        made.back().as<float>()[i] = static_cast<float>(i % 7) - 3;
      tensors.push_back({name, made.back().view()});
    }
    write_safetensors(folder_ + "/model.safetensors", tensors);
    Json config = outer;
    config[text_key] = read_json_file(tiny(model) + "/config.json");
    config[text_key].erase("num_nextn_predict_layers");
    write_file_atomic(folder_ + "/config.json", config.dump());
  }
  std::string folder_;
};

TEST_F(Renamed, KimiK25sTextIsQuantized) {
  write("deepseek_v3",
        {{"model_type", "kimi_k25"}, {"vision_config", {{"vt_num_hidden_layers", 1}}}},
        "text_config",
        {{"vision_tower.patch_embed.proj.weight", {16, 3, 2, 2}},
         {"vision_tower.encoder.blocks.0.wqkv.weight", {48, 16}},
         {"vision_tower.encoder.blocks.0.wo.weight", {16, 16}},
         {"vision_tower.encoder.blocks.0.mlp.fc0.weight", {32, 16}},
         {"mm_projector.proj.0.weight", {32, 32}},
         {"mm_projector.proj.2.weight", {32, 32}}});
  QuantJob job;
  job.model_path = folder_;
  job.save_path = temp_path("vision_out");
  job.plan = make_plan(parse_recipe(kRecipe, "test.yaml"));
  job.overwrite = job.quiet = true;
  job.samples = {{5, 9, 23, 2, 31, 8, 4, 1, 30, 17}};
  quantize_model(job);
  const Json types = read_description(job.save_path);
  EXPECT_EQ(types.at("language_model.model.layers.1.self_attn.kv_b_proj.weight"), "W8A8_DYNAMIC");
  EXPECT_EQ(types.at("language_model.model.layers.1.mlp.experts.3.up_proj.weight"), "W8A8_DYNAMIC");
  EXPECT_EQ(types.at("language_model.lm_head.weight"), "FLOAT");
  for (const char* name :
       {"vision_tower.encoder.blocks.0.wqkv.weight", "mm_projector.proj.2.weight"})
    EXPECT_EQ(types.at(name), "FLOAT");
  const CheckpointReader written(job.save_path);
  const CheckpointReader source(folder_);
  for (const std::string& name : source.names()) EXPECT_TRUE(written.has(name)) << name;
  fs::remove_all(job.save_path);
}

TEST_F(Renamed, InternVlsPublishedNamesAreRead) {
  write("qwen3_moe",
        {{"model_type", "internvl_chat"}, {"vision_config", {{"num_hidden_layers", 1}}}},
        "llm_config",
        {{"vision_model.embeddings.class_embedding", {1, 1, 16}},
         {"vision_model.embeddings.patch_embedding.weight", {16, 3, 2, 2}},
         {"vision_model.encoder.layers.0.attn.qkv.weight", {48, 16}},
         {"vision_model.encoder.layers.0.mlp.fc1.weight", {32, 16}},
         {"mlp1.1.weight", {32, 64}},
         {"mlp1.3.weight", {32, 32}}});
  expect_text_alone(folder_, "language_model.model.");
}

}  // namespace
}  // namespace msmodelslim
