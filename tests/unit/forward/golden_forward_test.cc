// Hidden states and logits equal to those of transformers (float32, eager attention).
#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/safetensors.h"
#include "checkpoint/source.h"
#include "forward/run.h"
#include "model/build.h"
#include "model/check_checkpoint.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

// Largest |a - b| over the largest |b|.
double relative_error(const float* a, const TensorView& expected) {
  const Tensor b = to_f32(expected);
  double worst = 0;
  double largest = 0;
  for (std::int64_t i = 0; i < b.count(); ++i) {
    worst = std::max(worst, std::fabs(static_cast<double>(a[i]) - b.as<float>()[i]));
    largest = std::max(largest, std::fabs(static_cast<double>(b.as<float>()[i])));
  }
  return worst / largest;
}

// The first values of each row, as many as `expected` has: without what a shortcut carries, or with
// all streams.
std::vector<float> stream_of(const PackedStates& states, const TensorView& expected) {
  std::vector<float> stream;
  for (std::int64_t r = 0; r < states.rows; ++r) {
    const float* row = states.values.data() + r * states.width;
    stream.insert(stream.end(), row, row + expected.count() / states.rows);
  }
  return stream;
}

std::int32_t id_at(const TensorView& ids, std::int64_t i) {
  return ids.dtype == DType::kI32 ? ids.as<std::int32_t>()[i]
                                  : static_cast<std::int32_t>(ids.as<std::int64_t>()[i]);
}

class GoldenForward : public testing::TestWithParam<const char*> {};

void expect_forward(const std::string& folder) {
  const SafetensorsFile expected(folder + "/forward.safetensors");
  const auto want = [&](const std::string& name) {
    for (const auto& entry : expected.entries())
      if (entry.name == name) return expected.view(entry);
    throw std::runtime_error("no " + name);
  };
  const CheckpointReader checkpoint = open_source(folder);
  ModelSpec model = build_model_spec(ModelConfig::read(folder), checkpoint);
  check_checkpoint(model, checkpoint);
  model.dtype = DType::kF32;  // as the recorded products are, also of bfloat16 weights
  for (int s = 0; s < 2; ++s) {
    const std::string prefix = "seq" + std::to_string(s) + ".";
    const TensorView ids_view = want(prefix + "input_ids");
    std::vector<std::int32_t> ids;
    for (std::int64_t i = 0; i < ids_view.count(); ++i) ids.push_back(id_at(ids_view, i));
    PackedStates states = embed_samples(model, checkpoint, {ids});
    const auto error = [&](const std::string& name) {
      return relative_error(stream_of(states, want(name)).data(), want(name));
    };
    EXPECT_LT(error(prefix + "embed"), 1e-6);
    FloatLinearOp op(DType::kF32);
    const RopeTable rope(model.rope, states.rows);
    Workspace workspace;
    int layer = 0;
    for (std::size_t i = 0; i < model.decoders(); ++i) {
      Block block(model.blocks[i], checkpoint);
      run_block_on(model, block, states, true, rope, op, {}, workspace);
      if (block.spec->shortcut == Shortcut::kOpens) continue;  // inside of a layer
      const std::string name = "layer" + std::to_string(layer++) + ".out";
      EXPECT_LT(error(prefix + name), 1e-4) << name;
    }
    Head head(model, checkpoint);
    std::vector<float> normed(states.values.size());
    std::vector<float> logits(static_cast<std::size_t>(states.rows * model.vocab));
    head.run(states.values.data(), states.rows, op, normed.data(), logits.data());
    EXPECT_LT(relative_error(normed.data(), want(prefix + "final_norm")), 1e-4);
    EXPECT_LT(relative_error(logits.data(), want(prefix + "logits")), 1e-4);
  }
}

TEST_P(GoldenForward, EveryHiddenStateAndTheLogits) {
  const std::string folder = golden_dir() + "/models/" + GetParam();
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "only in the shared golden set: set MSMODELSLIM_SHARED";
  expect_forward(folder);
}

// Made by tests/golden/make/tiny_models.py with transformers 5.24.0.
class TinyForward : public testing::TestWithParam<const char*> {};

TEST_P(TinyForward, EveryHiddenStateAndTheLogits) {
  expect_forward(std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/" + GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Models, TinyForward,
    testing::Values("mixtral", "qwen2_moe", "qwen3_moe", "glm4_moe", "deepseek_v3", "glm4_moe_lite",
                    "qwen3_next", "qwen3_5_text", "minimax_m2", "deepseek_v2", "deepseek_v32",
                    "glm_moe_dsa", "seed_oss", "internlm3", "smollm3", "granite", "olmo2", "phi3",
                    "glm", "glm4", "cohere", "gemma2", "gemma3_text", "gpt_oss", "qwen3_5_moe_text",
                    "internlm2", "baichuan", "qwen", "chatglm", "mistral", "hunyuan_v1_dense",
                    "hunyuan_v1_moe", "gpt_neox", "gpt_neox_serial", "starcoder2", "cohere_qk",
                    "cohere2", "olmo3", "olmoe", "gemma", "baichuan_13b", "longcat_flash",
                    "step3p5", "ministral3", "phi3_longrope", "glm_moe_dsa_shared", "deepseek_v4",
                    "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "glm4v_moe", "internvl",
                    "qwen2_5_omni_thinker", "qwen3_omni_moe_thinker"));

INSTANTIATE_TEST_SUITE_P(Models, GoldenForward,
                         testing::Values("qwen2", "qwen2-28l", "qwen2-bf16", "qwen3", "qwen3-bf16",
                                         "llama", "qwen3_moe", "glm4_moe", "deepseek_v3", "kimi_k2",
                                         "qwen3_next"));

}  // namespace
}  // namespace msmodelslim
