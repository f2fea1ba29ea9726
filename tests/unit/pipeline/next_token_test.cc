// Next-token layers: what only moves values between weights changes neither the model's logits nor
// theirs.
#include "forward/next_token.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/error.h"
#include "checkpoint/ascendv1.h"
#include "pipeline/quantize_model.h"
#include "tiny_models.h"

namespace msmodelslim {
namespace {

using testing::HasSubstr;
using Samples = std::vector<std::vector<std::int32_t>>;

const Samples kSamples = {{5, 9, 23, 2, 31, 8, 11, 3, 17}, {4, 1, 30, 17}};

std::string model_without(const std::string& name, const std::vector<std::string>& endings) {
  return tiny_without(name, [&](const std::string& tensor) {
    return std::any_of(endings.begin(), endings.end(),
                       [&](const std::string& ending) { return tensor.ends_with(ending); });
  });
}

QuantJob job_of(const std::string& model_path, const Plan& plan) {
  QuantJob job;
  job.model_path = model_path;
  job.save_path = temp_path("next_token_out");
  job.plan = plan;
  job.samples = kSamples;
  job.overwrite = job.quiet = true;
  return job;
}

// Of the layer behind the decoders, which sees each token's successor.
std::vector<float> next_token_logits(const std::string& folder) {
  const CheckpointReader checkpoint = opened(folder);
  const ModelSpec model = build_model_spec(ModelConfig::read(folder), checkpoint);
  FloatLinearOp op(DType::kF32);
  const PackedStates states = states_behind_decoders(model, checkpoint, kSamples, op);
  const RopeTable rope(model.rope, states.rows);
  Workspace workspace;
  const BlockSpec& spec = model.blocks.at(model.decoders());
  ModelSpec own = model;  // with the ends of the layer
  own.embedding = spec.mtp->embedding.source;
  own.final_norm = spec.mtp->head_norm;
  own.head.name = spec.mtp->head.source;
  own.head_hyper = spec.mtp->head_hyper;
  own.tied = false;
  Samples next = kSamples;
  for (auto& sample : next) {
    sample.erase(sample.begin());
    sample.push_back(7);
  }
  const PackedStates embedded = embed_samples(own, checkpoint, next);
  Block block(spec, checkpoint);
  PackedStates entered = states;
  Context context;
  context.sequences = states.sequences;
  context.linear_op = &op;
  enter_next_token(*block.mtp, embedded.values.data(), states.values.data(), states.width,
                   states.rows, context, entered.values.data(), workspace);
  run_block_on(model, block, entered, true, rope, op, {}, workspace);
  Head head(own, checkpoint);
  std::vector<float> normed(entered.values.size());
  std::vector<float> logits(static_cast<std::size_t>(states.rows * model.vocab));
  head.run(entered.values.data(), states.rows, op, normed.data(), logits.data());
  return logits;
}

constexpr const char* kNothing =
    "    - {type: linear_quant, include: ['nothing'], qconfig: {act: {dtype: int8, scope: "
    "per_token, symmetric: true, method: minmax}, weight: {dtype: int8, scope: per_channel, "
    "symmetric: true, method: minmax}}}\n";

void expect_same_predictions(const std::string& model) {
  const std::vector<float> before = next_token_logits(model);
  double largest = 0;
  for (const float value : before) largest = std::max(largest, std::fabs(double{value}));
  for (const char* entry : {"    - {type: quarot, export_extra_info: false}\n",
                            "    - {type: flex_smooth_quant, ignore_adapter: true}\n"}) {
    const QuantJob job = job_of(model, plan_of_entries(std::string(entry) + kNothing));
    quantize_model(job);
    const std::vector<float> after = next_token_logits(job.save_path);
    double worst = 0;
    for (std::size_t i = 0; i < after.size(); ++i)
      worst = std::max(worst, std::fabs(double{after[i]} - double{before[i]}));
    EXPECT_LT(worst, 1e-4 * largest) << entry;
    EXPECT_NE(after, before) << entry;
    fs::remove_all(job.save_path);
  }
}

class NextToken : public testing::TestWithParam<const char*> {};

TEST_P(NextToken, PredictsTheSameBehindRotationAndSmoothing) {
  expect_same_predictions(tiny(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Families, NextToken,
                         testing::Values("deepseek_v3", "glm4_moe", "deepseek_v4"));

TEST(NextTokenLayers, ThatShareEmbeddingAndHeadGetTheirOwnBehindARotation) {
  const std::string model =
      model_without("deepseek_v3", {"2.embed_tokens.weight", "shared_head.head.weight"});
  expect_same_predictions(model);
  fs::remove_all(model);
}

TEST(NextTokenLayers, ThatShareEmbeddingAndHeadKeepToThatWithoutARotation) {
  const QuantJob job = job_of(tiny("deepseek_v4"), plan_of_entries(kNothing));
  quantize_model(job);
  const CheckpointReader written(job.save_path);
  EXPECT_FALSE(written.has("mtp.0.head.weight"));
  EXPECT_FALSE(written.has("mtp.0.emb.tok_emb.weight"));
  const CheckpointReader source(tiny("deepseek_v4"));
  for (const std::string& name : source.names()) EXPECT_TRUE(written.has(name)) << name;
  fs::remove_all(job.save_path);
}

TEST(NextTokenLayers, ThatTheFileLeavesOutAreNoPartOfTheModel) {
  const std::string model = model_without("deepseek_v4", {});
  const CheckpointReader whole = open_source(model);
  EXPECT_EQ(build_model_spec(ModelConfig::read(model), whole).blocks.size(), 4U);
  fs::remove_all(model);
  const std::string cut = model_without("deepseek_v4", {"e_proj.weight"});
  const CheckpointReader part = open_source(cut);
  EXPECT_EQ(build_model_spec(ModelConfig::read(cut), part).blocks.size(), 3U);
  fs::remove_all(cut);
}

TEST(NextTokenLayers, OfDeepSeekV4WithAMissingTensorAreAnError) {
  const std::string model = model_without("deepseek_v4", {"mtp.0.hc_head_base"});
  try {
    quantize_model(job_of(model, plan_of_entries(kNothing)));
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("mtp.0.hc_head_base"));
  }
  fs::remove_all(model);
}

class DeepSeekV4Recipes : public testing::TestWithParam<const char*> {};

// As the Python tool's recipes have it: the output projections and what makes entries stay float,
// the next-token layer is quantized as the others are, and has a turned embedding and head.
TEST_P(DeepSeekV4Recipes, QuantizeWhatThePythonToolQuantizes) {
  const std::string recipe =
      std::string(MSMODELSLIM_SOURCE_DIR) + "/recipes/deepseek_v4/" + GetParam() + ".yaml";
  QuantJob job = job_of(tiny("deepseek_v4"), make_plan(read_recipe(recipe)));
  job.pedigree = "deepseek_v4";
  quantize_model(job);
  const Json types = read_description(job.save_path);
  const bool int4 = std::string(GetParam()).find("w4a8") != std::string::npos;
  for (const std::string block : {"layers.0.", "layers.1.", "layers.2.", "mtp.0."}) {
    const auto type = [&](const std::string& module) {
      return types.at(block + module + ".weight").get<std::string>();
    };
    for (const char* module : {"attn.wq_a", "attn.wq_b", "attn.wkv", "ffn.shared_experts.w1",
                               "ffn.shared_experts.w2", "ffn.shared_experts.w3"})
      EXPECT_EQ(type(module), "W8A8_DYNAMIC") << block << module;
    for (const char* module : {"ffn.experts.3.w1", "ffn.experts.3.w2", "ffn.experts.0.w3"})
      EXPECT_EQ(type(module), int4 ? "W4A8_DYNAMIC" : "W8A8_DYNAMIC") << block << module;
    for (const char* module : {"attn.wo_a", "attn.wo_b", "ffn.gate", "attn_norm"})
      EXPECT_EQ(type(module), "FLOAT") << block << module;
  }
  for (const char* tensor :
       {"layers.1.attn.compressor.wgate.weight", "layers.1.attn.compressor.wkv.weight",
        "layers.1.attn.indexer.weights_proj.weight", "layers.2.attn.compressor.wkv.weight",
        "layers.1.attn.indexer.compressor.wkv.weight", "mtp.0.e_proj.weight", "mtp.0.h_proj.weight",
        "mtp.0.enorm.weight", "mtp.0.hc_head_fn", "mtp.0.head.weight", "mtp.0.emb.tok_emb.weight"})
    EXPECT_EQ(types.at(tensor), "FLOAT") << tensor;
  EXPECT_EQ(types.at("layers.1.attn.indexer.wq_b.weight"), "W8A8_DYNAMIC");
  fs::remove_all(job.save_path);
}

INSTANTIATE_TEST_SUITE_P(Recipes, DeepSeekV4Recipes,
                         testing::Values("deepseek_v4_flash_w8a8", "deepseek_v4_pro_w8a8",
                                         "deepseek_v4_pro_w4a8"));

}  // namespace
}  // namespace msmodelslim
