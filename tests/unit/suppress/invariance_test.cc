// Whatever an algorithm rewrites, the float output of a block stays what it was: random small
// blocks with and without shared key/value heads, norms of q and k, biases, odd sizes.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/json.h"
#include "checkpoint/reader.h"
#include "checkpoint/safetensors.h"
#include "forward/run.h"
#include "model/build.h"
#include "shared_data.h"
#include "suppress/awq.h"
#include "suppress/smoother.h"

namespace msmodelslim {
namespace {

namespace fs = std::filesystem;

struct Shape {
  const char* name;
  const char* type;
  const char* architecture;
  std::int64_t hidden, heads, kv_heads, head_dim, inner;
  bool bias;
};

const Shape kShapes[] = {
    {"llama_plain", "llama", "LlamaForCausalLM", 24, 4, 4, 6, 37, false},
    {"llama_shared_heads_bias", "llama", "LlamaForCausalLM", 30, 6, 2, 10, 41, true},
    {"qwen2_qkv_bias", "qwen2", "Qwen2ForCausalLM", 28, 7, 1, 4, 53, true},
    {"qwen3_norms", "qwen3", "Qwen3ForCausalLM", 21, 6, 3, 14, 19, false},
};

struct Writer {
  std::mt19937 generator{17};
  std::vector<std::pair<std::string, Tensor>> tensors;

  void add(const std::string& name, std::vector<std::int64_t> shape, float middle, float spread) {
    std::normal_distribution<float> normal(middle, spread);
    Tensor tensor(DType::kF32, std::move(shape));
    for (std::int64_t i = 0; i < tensor.view().count(); ++i)
      tensor.as<float>()[i] = normal(generator);
    tensors.emplace_back(name, std::move(tensor));
  }
  void linear(const LinearSpec& spec) {
    add(spec.name + ".weight", {spec.out, spec.in}, 0, 0.3F);
    if (spec.bias) add(spec.name + ".bias", {spec.out}, 0, 0.5F);
  }
};

// A model folder of one random block.
std::string make_model(const Shape& s) {
  const std::string folder = temp_path(std::string("invariance_") + s.name);
  fs::create_directories(folder);
  const Json config = {{"model_type", s.type},
                       {"architectures", {s.architecture}},
                       {"hidden_size", s.hidden},
                       {"num_attention_heads", s.heads},
                       {"num_key_value_heads", s.kv_heads},
                       {"head_dim", s.head_dim},
                       {"intermediate_size", s.inner},
                       {"num_hidden_layers", 1},
                       {"vocab_size", 40},
                       {"hidden_act", "silu"},
                       {"attention_bias", s.bias},
                       {"mlp_bias", s.bias},
                       {"max_position_embeddings", 128},
                       {"rms_norm_eps", 1e-5},
                       {"rope_theta", 10000.0},
                       {"tie_word_embeddings", false},
                       {"torch_dtype", "float32"}};
  std::ofstream(folder + "/config.json") << config.dump();
  Writer writer;
  writer.add("model.embed_tokens.weight", {40, s.hidden}, 0, 1);
  writer.add("lm_head.weight", {40, s.hidden}, 0, 1);
  writer.add("model.norm.weight", {s.hidden}, 1, 0.2F);
  const std::string base = "model.layers.0.";
  const auto qkv = std::string(s.type) == "qwen2" || s.bias;
  const bool other = s.bias && std::string(s.type) == "llama";
  writer.add(base + "input_layernorm.weight", {s.hidden}, 1, 0.7F);
  writer.add(base + "post_attention_layernorm.weight", {s.hidden}, 1, 0.7F);
  if (std::string(s.type) == "qwen3")
    for (const char* norm : {"q_norm", "k_norm"})
      writer.add(base + "self_attn." + norm + ".weight", {s.head_dim}, 1, 0.3F);
  const auto add = [&](const char* name, std::int64_t in, std::int64_t out, bool bias) {
    writer.linear({base + name, in, out, bias, Role::kQuery, ""});
  };
  add("self_attn.q_proj", s.hidden, s.heads * s.head_dim, qkv);
  add("self_attn.k_proj", s.hidden, s.kv_heads * s.head_dim, qkv);
  add("self_attn.v_proj", s.hidden, s.kv_heads * s.head_dim, qkv);
  add("self_attn.o_proj", s.heads * s.head_dim, s.hidden, other);
  add("mlp.gate_proj", s.hidden, s.inner, other);
  add("mlp.up_proj", s.hidden, s.inner, other);
  add("mlp.down_proj", s.inner, s.hidden, other);
  std::vector<NamedTensor> views;
  for (const auto& [name, tensor] : writer.tensors) views.push_back({name, tensor.view()});
  write_safetensors(folder + "/model.safetensors", std::move(views));
  return folder;
}

// Four bits a row, so that searches have something to look for.
void round_rows(float* values, std::int64_t rows, std::int64_t width) {
  for (std::int64_t r = 0; r < rows; ++r) {
    float* row = values + r * width;
    float step = 1e-9F;
    for (std::int64_t j = 0; j < width; ++j) step = std::max(step, std::fabs(row[j]) / 7);
    for (std::int64_t j = 0; j < width; ++j) row[j] = std::nearbyint(row[j] / step) * step;
  }
}

const std::set<SubgraphKind> kAll = {SubgraphKind::kUpDown, SubgraphKind::kOv,
                                     SubgraphKind::kLinearLinear, SubgraphKind::kNormLinear};

void expect_near(const InputSummary& told, const InputSummary& seen) {
  ASSERT_EQ(told.range.has_value(), seen.range.has_value());
  const float largest = seen.channels.back();
  EXPECT_GT(largest, 0);
  for (std::size_t i = 0; i < seen.channels.size(); ++i)
    EXPECT_NEAR(told.channels[i], seen.channels[i], 1e-4 * largest);
  if (!seen.range) return;
  EXPECT_NEAR(told.range->min, seen.range->min, 1e-4 * largest);
  EXPECT_NEAR(told.range->max, seen.range->max, 1e-4 * largest);
}

// What is told about the input behind smoothing, without a pass, is what a pass shows.
void expect_seen(const SmoothResult& result, const ChannelTap& channels, const MeanTap& means) {
  const ChannelTap::Stats& stats = channels.stats(result.target);
  const std::vector<float> ones(stats.min.size(), 1.0F);
  const InputChange seen = result.input.means ? input_change(means.mean(result.target), ones)
                                              : input_change(stats.min, stats.max, ones, {});
  expect_near(result.input.after, seen.before);
}

template <typename Algorithm>
void expect_unchanged(const Shape& shape, const ModelSpec& model,
                      const CheckpointReader& checkpoint, Algorithm& algorithm,
                      std::size_t graphs) {
  std::mt19937 generator(7);
  std::uniform_int_distribution<std::int32_t> token(0, 39);
  std::vector<std::vector<std::int32_t>> samples(3);
  samples[0].resize(33);
  samples[1].resize(1);
  samples[2].resize(20);
  for (auto& sample : samples)
    for (auto& id : sample) id = token(generator);
  const PackedStates input = embed_samples(model, checkpoint, samples);
  const RopeTable rope(model.rope, 33);
  FloatLinearOp op(DType::kF32);
  Workspace workspace;
  Block block(model.blocks[0], checkpoint);
  PackedStates before = input;
  run_block_on(model, block, before, true, rope, op, {}, workspace);
  PackedStates watched = input;
  const auto taps = algorithm.prepare(block, input.sequences);
  run_block_on(model, block, watched, false, rope, op, taps, workspace);
  const std::vector<SmoothResult> results = algorithm.finish();
  EXPECT_EQ(results.size(), graphs);
  bool moved = false;
  for (const SmoothResult& result : results)
    for (float scale : result.scales) moved = moved || std::fabs(scale - 1) > 1e-3F;
  EXPECT_TRUE(moved);
  EXPECT_TRUE(block.q.changed());
  std::vector<std::string> targets;
  for (const SmoothResult& result : results) targets.push_back(result.target);
  ChannelTap channels(targets);
  MeanTap means(targets);
  PackedStates after = input;
  run_block_on(model, block, after, true, rope, op, {&channels, &means}, workspace);
  for (const SmoothResult& result : results) expect_seen(result, channels, means);
  double largest = 0;
  double worst = 0;
  for (std::size_t i = 0; i < after.values.size(); ++i) {
    const double was = before.values[i];
    largest = std::max(largest, std::fabs(was));
    worst = std::max(worst, std::fabs(was - static_cast<double>(after.values[i])));
  }
  EXPECT_LT(worst, 1e-4 * largest) << shape.name;
}

class Invariance : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override { folder_ = make_model(GetParam()); }
  void TearDown() override { fs::remove_all(folder_); }

  template <typename Config>
  static Config everything(Config config) {
    config.kinds = kAll;
    config.selects = [](const std::string&) { return true; };
    config.round_weight = [](const LinearSpec& spec, float* weight) {
      round_rows(weight, spec.out, spec.in);
    };
    return config;
  }
  void expect_smoother(SmoothConfig config) {
    const CheckpointReader checkpoint(folder_);
    const ModelSpec model = build_model_spec(ModelConfig::read(folder_), checkpoint);
    Smoother smoother(everything(std::move(config)), model);
    expect_unchanged(GetParam(), model, checkpoint, smoother, 4);
  }
  std::string folder_;
};

TEST_P(Invariance, SmoothQuantAndIterSmooth) {
  for (SmoothAlgorithm algorithm : {SmoothAlgorithm::kSmoothQuant, SmoothAlgorithm::kIterSmooth})
    for (bool symmetric : {true, false}) {
      SmoothConfig config;
      config.algorithm = algorithm;
      config.alpha = 0.7;
      config.symmetric = symmetric;
      expect_smoother(config);
    }
}

TEST_P(Invariance, FlexSmoothQuantSearchedAndGiven) {
  SmoothConfig config;
  config.algorithm = SmoothAlgorithm::kFlexSmooth;
  expect_smoother(config);
  config.search_rows = 10;
  expect_smoother(config);
  config.alpha = 0.75;
  config.beta = 0.1;
  expect_smoother(config);
}

TEST_P(Invariance, FlexAwqSszSearchedAndGiven) {
  SmoothConfig config;
  config.algorithm = SmoothAlgorithm::kFlexAwqSsz;
  config.round_input = round_rows;
  config.alpha = 0.6;
  expect_smoother(config);
  config.alpha.reset();
  const CheckpointReader checkpoint(folder_);
  const ModelSpec model = build_model_spec(ModelConfig::read(folder_), checkpoint);
  Smoother smoother(everything(config), model);
  expect_unchanged(GetParam(), model, checkpoint, smoother, 4);
}

TEST_P(Invariance, Awq) {
  for (std::int64_t search_rows : {4096, 25}) {
    const CheckpointReader checkpoint(folder_);
    const ModelSpec model = build_model_spec(ModelConfig::read(folder_), checkpoint);
    AwqConfig config;
    config.search_rows = search_rows;
    Awq awq(everything(config), model);
    expect_unchanged(GetParam(), model, checkpoint, awq, 4);
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, Invariance, testing::ValuesIn(kShapes),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace msmodelslim
