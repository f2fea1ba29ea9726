// Worked examples 8a and 8b of the outlier-suppression reference; random blocks keep their output.
#include "suppress/kv_smooth.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "forward/run.h"
#include "model/build.h"
#include "observe/kv_tap.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

const ColumnRange kKeys = {{-4, 0, -2, -9, 0, -1, 0, -4}, {1, 1, 2, 3, 16, 0, 1, 2}};
const KeyShape kShape = {4, 2, 4, 2};

TEST(KeyScales, Example8a) {
  EXPECT_EQ(key_scales(kKeys, kShape, 0.5, false), (std::vector<float>{2, 3, 2, 3, 4, 2, 4, 2}));
}

TEST(KeyScales, Example8b) {
  EXPECT_EQ(key_scales(kKeys, kShape, 0.5, true), (std::vector<float>{4, 3, 4, 3}));
}

TEST(KeyScales, ChannelsThatAreNotRotatedStandAlone) {
  EXPECT_EQ(key_scales(kKeys, {2, 2, 4, 1}, 1, false),
            (std::vector<float>{4, 4, 2, 9, 16, 16, 1, 4}));
}

TEST(KeyScales, SilentAndHugeChannelsKeepTheirScale) {
  const ColumnRange keys = {{0, 0, 0, 0}, {0, 1e-30F, 0, 1e30F}};
  EXPECT_EQ(key_scales(keys, {1, 1, 4, 2}, 2, false), (std::vector<float>{1, 1, 1, 1}));
}

struct Heads {
  const char* model_type;
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  double rotary;  // share of a head
};

void PrintTo(const Heads& h, std::ostream* out) {
  *out << h.model_type << " " << h.heads << "/" << h.kv_heads << "x" << h.head_dim;
}

class RandomBlock : public testing::TestWithParam<Heads> {
 protected:
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void SetUp() override {
    const Heads& h = GetParam();
    folder_ = temp_path("kv_smooth");
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    const Json config = {{"model_type", h.model_type},
                         {"hidden_size", kHidden},
                         {"intermediate_size", 9},
                         {"num_hidden_layers", 1},
                         {"num_attention_heads", h.heads},
                         {"num_key_value_heads", h.kv_heads},
                         {"head_dim", h.head_dim},
                         {"partial_rotary_factor", h.rotary},
                         {"vocab_size", 11},
                         {"rms_norm_eps", 1e-6}};
    std::ofstream(folder_ + "/config.json") << config.dump();
    const std::string at = "model.layers.0.";
    add("model.embed_tokens.weight", {11, kHidden});
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"})
      add(at + norm + ".weight", {kHidden});
    add("model.norm.weight", {kHidden});
    linear(at + "self_attn.q_proj", h.heads * h.head_dim, kHidden);
    linear(at + "self_attn.k_proj", h.kv_heads * h.head_dim, kHidden);
    linear(at + "self_attn.v_proj", h.kv_heads * h.head_dim, kHidden);
    add(at + "self_attn.o_proj.weight", {kHidden, h.heads * h.head_dim});
    for (const char* norm : {"q_norm", "k_norm"})
      add(at + "self_attn." + norm + ".weight", {h.head_dim});
    for (const char* name : {"gate_proj", "up_proj"})
      add(at + "mlp." + name + ".weight", {9, kHidden});
    add(at + "mlp.down_proj.weight", {kHidden, 9});
    std::vector<NamedTensor> views;
    for (const auto& [name, tensor] : tensors_) views.push_back({name, tensor.view()});
    write_safetensors(folder_ + "/model.safetensors", views);
  }

  void linear(const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in});
    if (std::string(GetParam().model_type) == "qwen2") add(name + ".bias", {out});
  }

  void add(const std::string& name, const Shape& shape) {
    std::normal_distribution<float> normal;
    Tensor tensor(DType::kF32, shape);
    for (std::int64_t i = 0; i < tensor.count(); ++i) tensor.as<float>()[i] = normal(generator_);
    if (name.ends_with("k_proj.weight"))  // some keys stand out
      for (std::int64_t i = 0; i < shape[1]; ++i) tensor.as<float>()[i] *= 30;
    tensors_.emplace_back(name, std::move(tensor));
  }

  static constexpr std::int64_t kHidden = 13;
  std::mt19937 generator_{17};
  std::string folder_;
  std::vector<std::pair<std::string, Tensor>> tensors_;
};

TEST_P(RandomBlock, FloatOutputIsUnchangedAndKeysAreAtMostOne) {
  const CheckpointReader checkpoint(folder_);
  const ModelSpec model = build_model_spec(ModelConfig::read(folder_), checkpoint);
  const PackedStates input =
      embed_samples(model, checkpoint, {{1, 2, 3, 4, 5, 6, 7}, {8}, {9, 10, 0, 1, 3}});
  const RopeTable rope(model.rope, 7);
  FloatLinearOp op(DType::kF32);
  Workspace workspace;
  Block block(model.blocks[0], checkpoint);
  KvTap tap(KvAggregation::kMax);
  PackedStates before = input;
  run_block_on(model, block, before, true, rope, op, {&tap}, workspace);

  const KeyShape shape = {model.heads, model.kv_heads, model.head_dim, model.rope.dim / 2};
  smooth_keys(block, shape, key_scales(tap.keys(), shape, 1, block.k_norm != nullptr));

  KvTap after_tap(KvAggregation::kMax);
  PackedStates after = input;
  FloatLinearOp after_op(DType::kF32);
  run_block_on(model, block, after, true, rope, after_op, {&after_tap}, workspace);
  float largest = 0;
  float worst = 0;
  for (std::size_t i = 0; i < after.values.size(); ++i) {
    largest = std::max(largest, std::fabs(before.values[i]));
    worst = std::max(worst, std::fabs(before.values[i] - after.values[i]));
  }
  EXPECT_LT(worst, 1e-4F * largest);
  float key = 0;
  for (const std::vector<float>& side : {after_tap.keys().min, after_tap.keys().max})
    for (float value : side) key = std::max(key, std::fabs(value));
  EXPECT_NEAR(key, 1, 1e-5);
  EXPECT_EQ(after_tap.values().max, tap.values().max);
}

INSTANTIATE_TEST_SUITE_P(Shapes, RandomBlock,
                         testing::Values(Heads{"qwen2", 4, 2, 8, 1}, Heads{"qwen2", 6, 1, 4, 1},
                                         Heads{"qwen2", 3, 3, 2, 1}, Heads{"llama", 9, 3, 6, 1},
                                         Heads{"llama", 4, 2, 8, 0.5}, Heads{"qwen3", 4, 2, 8, 1},
                                         Heads{"qwen3", 5, 5, 6, 1}, Heads{"qwen3", 8, 1, 2, 1}));

}  // namespace
}  // namespace msmodelslim
