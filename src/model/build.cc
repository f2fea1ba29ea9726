#include "model/build.h"

#include <bit>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "model/build_delta.h"
#include "model/build_entries.h"
#include "model/build_mla.h"
#include "model/build_moe.h"
#include "model/build_mtp.h"
#include "model/by_tensors.h"
#include "model/families/families.h"
#include "model/llama_shape.h"
#include "model/rope.h"
#include "model/tensor_names.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

constexpr const char* kConfigRemedy =
    "check that config.json is the one that came with the weights";

// `own`: the family's own name of the key, if config.json has it.
bool holds(Rule rule, const ModelConfig& config, const char* key, const char* own = nullptr) {
  if (own != nullptr && config.has(own)) key = own;
  if (rule == Rule::kConfig) return config.flag_or(key, false);
  return rule == Rule::kAlways;
}

std::int64_t window_of(const FamilyRow& family, const ModelConfig& config, std::int64_t layer) {
  if (!config.has("sliding_window")) return 0;
  if (const std::string type = config.text_of_layer("layer_types", layer); !type.empty())
    return type == "sliding_attention" ? config.size("sliding_window") : 0;
  bool windowed = false;
  switch (family.window) {
    case WindowRule::kNever:
      break;
    case WindowRule::kAllLayers:
      windowed = true;
      break;
    case WindowRule::kAllWhenUsed:
      windowed = config.flag_or("use_sliding_window", false);
      break;
    case WindowRule::kUseSlidingWindow:
      windowed = config.flag_or("use_sliding_window", false) &&
                 layer >= config.size_or("max_window_layers", 28);
      break;
    case WindowRule::kEvenLayers:
      windowed = layer % 2 == 0;
      break;
    case WindowRule::kPattern:
      windowed = (layer + 1) % config.size_or("sliding_window_pattern", 6) != 0;
      break;
  }
  return windowed ? config.size("sliding_window") : 0;
}

// SmolLM3: layers of a 0 in this list have no positions; without the list every so many-th layer.
bool has_rope(const ModelConfig& config, std::int64_t layer) {
  if (!config.has("no_rope_layers") || !config.json().at("no_rope_layers").is_array())
    return !config.has("no_rope_layer_interval") ||
           (layer + 1) % config.size("no_rope_layer_interval") != 0;
  const Json& list = config.json().at("no_rope_layers");
  return static_cast<std::size_t>(layer) >= list.size() ||
         list[static_cast<std::size_t>(layer)] != 0;
}

void add_qkv(const ModelSpec& spec, const FamilyRow& family, const ModelConfig& config, double eps,
             BlockSpec& block) {
  const FamilyTraits& traits = family.traits;
  const std::string attention = block.attention_name();
  const std::int64_t h = spec.hidden;
  const std::int64_t q_width = block.heads * spec.head_dim;
  const std::int64_t kv_width = spec.kv_heads * spec.head_dim;
  const bool bias = holds(family.qkv_bias, config, "attention_bias", traits.qkv_bias_key);
  const std::string qkv = fmt::format("{}.{}", attention, traits.names->qkv);
  if (holds(family.qk_norm, config, "use_qk_norm")) {
    const auto norm = [&](const char* name, std::int64_t width) {
      // Cohere's have a weight for each head.
      return NormSpec{fmt::format("{}.{}", attention, name),
                      traits.whole_norm ? width : spec.head_dim,
                      eps,
                      traits.one_plus,
                      traits.centered,
                      traits.centered ? width / spec.head_dim : 1};
    };
    block.q_norm = norm(traits.q_norm, q_width);
    block.k_norm = norm(traits.k_norm, kv_width);
    block.late_qk_norm = traits.late_qk_norm;
  }
  block.query_gate = traits.query_gate;
  block.q = {attention + ".q_proj", h,  (block.query_gate ? 2 : 1) * q_width, bias,
             Role::kQuery,          qkv};
  block.k = {attention + ".k_proj", h, kv_width, bias, Role::kKey, qkv};
  block.v = {attention + ".v_proj", h, kv_width, bias, Role::kValue, qkv};
  block.grouped_qkv = traits.grouped_qkv;
  if (traits.sinks) block.sinks = attention + ".sinks";
  if (traits.fused_qkv)
    block.qkv = LinearSpec{qkv, h, q_width + 2 * kv_width, bias, Role::kQueryKeyValue, ""};
}

// `suffix`: of the names of a half of a layer.
void add_norms(const FamilyRow& family, const ModelConfig& config, std::int64_t hidden, double eps,
               const std::string& suffix, BlockSpec& block) {
  const FamilyTraits& traits = family.traits;
  const auto norm = [&](const char* name) {
    return NormSpec{fmt::format("{}.{}{}", block.name, name, suffix), hidden, eps, traits.one_plus,
                    traits.centered};
  };
  const NormSpec none{"", hidden, eps};
  block.input_norm = traits.norms == NormPlaces::kOuter ? none : norm(traits.names->input_norm);
  block.post_attention_norm = none;
  switch (traits.norms) {
    case NormPlaces::kParallel:
      block.parallel = true;
      return;
    case NormPlaces::kSandwich:
      block.post_attention_norm = norm("pre_feedforward_layernorm");
      [[fallthrough]];
    case NormPlaces::kOuter:
      block.attention_out_norm = norm("post_attention_layernorm");
      block.mlp_out_norm = norm("post_feedforward_layernorm");
      return;
    case NormPlaces::kGlm:
      block.attention_out_norm = norm("post_self_attn_layernorm");
      block.mlp_out_norm = norm("post_mlp_layernorm");
      break;
    case NormPlaces::kTwoParallel:
      block.parallel = config.flag_or("use_parallel_residual", true);
      break;
    case NormPlaces::kPre:
      break;
  }
  block.post_attention_norm = norm(traits.names->post_norm);
}

void add_mlp(const FamilyRow& family, const ModelConfig& config, std::int64_t hidden,
             BlockSpec& block) {
  const ModuleNames& names = *family.traits.names;
  // Qwen 1 counts gate and up together.
  const std::int64_t inner =
      config.size("intermediate_size") / (family.model_type == std::string("qwen") ? 2 : 1);
  const bool bias = holds(family.mlp_bias, config, "mlp_bias", family.traits.mlp_bias_key);
  const std::string name = fmt::format("{}.{}", block.name, block.mlp);
  MlpSpec mlp = mlp_spec(name, {names.gate, names.up, names.down}, hidden, inner, bias);
  if (family.traits.fused_gate_up)
    block.gate_up = LinearSpec{
        fmt::format("{}.{}", name, names.gate_up), hidden, 2 * inner, bias, Role::kGateUp, ""};
  if (*names.gate == '\0')
    mlp.up.group = "";
  else
    block.gate = std::move(mlp.gate);
  block.up = std::move(mlp.up);
  block.down = std::move(mlp.down);
}

// Layers with a window may have other heads.
std::int64_t heads_of_layer(const ModelSpec& spec, const ModelConfig& config, std::int64_t layer) {
  if (!config.has("num_sliding_attention_heads") ||
      config.text_of_layer("layer_types", layer) != "sliding_attention")
    return spec.heads;
  const std::int64_t heads = config.size("num_sliding_attention_heads");
  if (heads % spec.kv_heads != 0)
    throw DataError(fmt::format("{}: {} heads of layer {} cannot share {} key/value heads",
                                config.path(), heads, layer, spec.kv_heads),
                    kConfigRemedy);
  return heads;
}

// `layer`: its place in lists of config.json.
BlockSpec build_block(const ModelSpec& spec, const FamilyRow& family, const ModelConfig& config,
                      const std::string& name, std::int64_t layer, double eps,
                      Shortcut shortcut = Shortcut::kNone) {
  BlockSpec block;
  const ModuleNames& modules = *family.traits.names;
  block.name = name;
  const std::string suffix = shortcut == Shortcut::kNone    ? ""
                             : shortcut == Shortcut::kOpens ? ".0"
                                                            : ".1";
  block.shortcut = shortcut;
  block.attention = modules.attention + suffix;
  block.mlp = modules.mlp + suffix;
  const std::int64_t h = spec.hidden;
  add_norms(family, config, h, eps, suffix, block);
  block.heads = heads_of_layer(spec, config, layer);
  if (family.traits.head_gate && config.flag_or("use_head_wise_attn_gate", true))
    block.head_gate = LinearSpec{
        block.name + "." + block.attention + ".g_proj", h, block.heads, false, Role::kHeadGate, ""};
  block.delta = build_delta(config, block.name, layer, h, eps);
  const std::string attention = block.attention_name();
  if (family.mla)
    block.mla =
        build_mla(config, spec, layer, attention, holds(family.qkv_bias, config, "attention_bias"));
  else if (family.traits.entries)
    block.entries = build_entries(config, spec, layer, attention, eps);
  else if (!block.delta)
    add_qkv(spec, family, config, eps, block);
  const char* bias_key = family.traits.out_bias_key;
  block.o = {fmt::format("{}.{}", attention, modules.out),
             block.heads * spec.head_dim,
             h,
             holds(family.out_bias, config, "attention_bias", bias_key),
             Role::kAttentionOut,
             ""};
  if (block.delta)
    block.o = {
        attention + ".out_proj", block.delta->value_width(), h, false, Role::kAttentionOut, ""};
  if (block.entries) {
    block.o.in = block.entries->out_a.out;
    block.sinks = attention + ".attn_sink";
    block.attention_hyper = build_hyper(config, block.name + ".hc_attn", eps);
    block.mlp_hyper = build_hyper(config, block.name + ".hc_ffn", eps);
  }
  if (shortcut != Shortcut::kCloses) block.moe = build_moe(config, block.name, layer, h);
  if (!block.moe || shortcut != Shortcut::kNone) add_mlp(family, config, h, block);
  // The dense MLP has the limit of a shared expert.
  if (!block.moe) block.limit = config.number_of_layer("swiglu_limits_shared", layer);
  block.window = block.delta     ? 0
                 : block.entries ? config.size("sliding_window")
                                 : window_of(family, config, layer);
  block.rope = spec.alibi.empty() && has_rope(config, layer) &&
               (!family.traits.window_rope || block.window > 0);
  return block;
}

// 2^(-8i/n) for i = 1 ... n, the largest power of 2 that fits; the other heads: those between.
std::vector<float> alibi_slopes(std::int64_t heads) {
  const auto n = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(heads)));
  std::vector<float> slopes;
  for (std::int64_t i = 1; i <= n; ++i)
    slopes.push_back(std::exp2(-8.0F * static_cast<float>(i) / static_cast<float>(n)));
  for (std::int64_t i = 1; static_cast<std::int64_t>(slopes.size()) < heads; i += 2)
    slopes.push_back(std::exp2(-4.0F * static_cast<float>(i) / static_cast<float>(n)));
  return slopes;
}

// Sizes of the heads.
void add_heads(ModelSpec& spec, const FamilyRow& family, const ModelConfig& config) {
  spec.heads = config.size("num_attention_heads");
  constexpr std::int64_t kMostHeads = 1 << 16;
  if (spec.heads > kMostHeads)
    throw DataError(fmt::format("{}: \"num_attention_heads\" is {}, more than {}", config.path(),
                                spec.heads, kMostHeads),
                    kConfigRemedy);
  if (family.mla) {
    spec.kv_heads = spec.heads;
    spec.head_dim = config.size("v_head_dim");
    spec.rope = read_rope(config, config.size("qk_rope_head_dim"));
    spec.key_width = config.size("kv_lora_rank") + config.size("qk_rope_head_dim");
    if (config.has("index_topk") && config.has("q_lora_rank"))
      spec.value_width = config.size("index_head_dim");
    return;
  }
  spec.kv_heads = config.size_or("num_key_value_heads", spec.heads);
  const std::int64_t default_dim =
      family.head_dim_default > 0 ? family.head_dim_default : spec.hidden / spec.heads;
  spec.head_dim = config.size_or("head_dim", default_dim);
  if (spec.heads % spec.kv_heads != 0)
    throw DataError(fmt::format("{}: {} attention heads cannot share {} key/value heads",
                                config.path(), spec.heads, spec.kv_heads),
                    kConfigRemedy);
  if (spec.head_dim % 2 != 0)
    throw DataError(fmt::format("{}: head_dim {} is odd", config.path(), spec.head_dim),
                    kConfigRemedy);
  spec.rope = read_rope(config, spec.head_dim);
  spec.score_scale = 1 / std::sqrt(static_cast<double>(spec.head_dim));
  spec.key_width = spec.kv_heads * spec.head_dim;
  spec.value_width = family.traits.entries ? 0 : spec.key_width;
  if (config.flag_or("alibi", false)) spec.alibi = alibi_slopes(spec.heads);
}

Activation read_activation(const ModelConfig& config, Activation standard) {
  const char* key = config.has("hidden_activation") ? "hidden_activation" : "hidden_act";
  const std::string name = config.text_or(key, "");
  if (name.empty()) return standard;
  if (name == "silu" || name == "swish") return Activation::kSilu;
  // Old files of Gemma say "gelu" and mean the other.
  if (name == "gelu" && standard != Activation::kGeluTanh) return Activation::kGelu;
  for (const char* by_tanh : {"gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh"})
    if (name == by_tanh) return Activation::kGeluTanh;
  throw DataError(fmt::format("{}: {} \"{}\" is not supported", config.path(), key, name),
                  "supported: silu, gelu, gelu_new, gelu_fast, gelu_pytorch_tanh");
}

// A factor that config.json may name; Granite's, Cohere's and Gemma's.
void add_factors(ModelSpec& spec, const FamilyRow& family, const ModelConfig& config) {
  if (spec.model_type == "granite") {
    spec.embedding_scale = config.number_or("embedding_multiplier", 1);
    spec.residual_scale = config.number_or("residual_multiplier", 1);
    spec.score_scale = config.number_or("attention_multiplier", spec.score_scale);
    spec.logit_scale = 1 / config.number_or("logits_scaling", 1);
  }
  if (family.traits.norms == NormPlaces::kParallel)
    spec.logit_scale = config.number_or("logit_scale", 0.0625);
  if (family.traits.root_embedding)
    spec.embedding_scale = std::sqrt(static_cast<double>(spec.hidden));
  if (!family.traits.query_scalar) return;
  spec.score_scale = 1 / std::sqrt(config.number_or("query_pre_attn_scalar", 256));
  // Gemma 3 has the key and does not use it.
  if (spec.model_type == "gemma2") spec.score_cap = config.number_or("attn_logit_softcapping", 0);
  spec.logit_cap = config.number_or("final_logit_softcapping", 0);
}

// The table's dtype is what the scale is rounded to.
double round_scale(double scale, DType dtype) {
  const auto value = static_cast<float>(scale);
  if (dtype == DType::kBF16) return static_cast<double>(round_to_bf16(value));
  if (dtype == DType::kF16) return static_cast<double>(f16_to_f32(f32_to_f16(value)));
  return static_cast<double>(value);
}

// Files may leave the layers out that config.json counts.
void add_mtp(ModelSpec& spec, const FamilyRow& family, const ModelConfig& config,
             const CheckpointReader& checkpoint, const TensorNames& names, double eps) {
  const auto count = static_cast<std::int64_t>(config.number_or("num_nextn_predict_layers", 0));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string name = mtp_name(spec, names.prefix + family.traits.names->layers, i);
    if (!has_mtp(spec, checkpoint, name)) return;
    const auto layer = static_cast<std::int64_t>(spec.blocks.size());
    spec.blocks.push_back(build_block(spec, family, config, name, layer, eps));
    spec.blocks.back().mtp = build_mtp(config, spec, checkpoint, name, eps);
  }
}

// Every layer and every expert has tensors of its own: counts that config.json invents are refused
// before anything grows with them.
void check_count(const ModelConfig& config, const char* what, std::size_t count,
                 const CheckpointReader& checkpoint) {
  if (count <= checkpoint.names().size()) return;
  throw DataError(fmt::format("{}: counts {} {}, but {} holds {} tensors", config.path(), count,
                              what, checkpoint.folder(), checkpoint.names().size()),
                  kConfigRemedy);
}

struct Architecture {
  std::optional<FamilyRow> row;
  std::string obstacle;  // why there is no forward pass
  std::string remedy;
};

Architecture architecture_of(const ModelConfig& config, const CheckpointReader& checkpoint) {
  const std::string type = config.text_or("model_type", "");
  const std::string architecture = config.architecture();
  if (const FamilyRow* row = find_family(type, architecture)) return {*row, "", ""};
  const LlamaShape shape = llama_shape(config, checkpoint);
  if (shape.row) return {shape.row, "", ""};
  return {{},
          fmt::format("{}: the architecture \"{}\" ({}) is not supported, and is not Llama's under "
                      "another name: {}",
                      config.path(), type, architecture.empty() ? "no name" : architecture,
                      shape.difference),
          "supported: " + supported_families_text()};
}

}  // namespace

std::optional<DType> declared_dtype(const ModelConfig& config) {
  std::string name = config.text_or("torch_dtype", config.text_or("dtype", ""));
  if (name.rfind("torch.", 0) == 0) name = name.substr(6);
  if (name == "bfloat16" || name == "bf16") return DType::kBF16;
  if (name == "float16" || name == "half") return DType::kF16;
  if (name == "float32" || name == "float") return DType::kF32;
  return std::nullopt;
}

ModelSpec build_model_spec(const ModelConfig& config, const CheckpointReader& checkpoint) {
  const Architecture found = architecture_of(config, checkpoint);
  if (!found.obstacle.empty()) throw DataError(found.obstacle, found.remedy);
  const FamilyRow* family = &*found.row;
  ModelSpec spec;
  spec.model_type = config.text_or("model_type", "");
  spec.architecture = config.architecture();
  if (spec.architecture.empty()) spec.architecture = family->architecture;
  const ModuleNames& modules = *family->traits.names;
  const TensorNames names = modules.prefix != nullptr ? TensorNames{modules.prefix, modules.head}
                                                      : tensor_names(checkpoint);
  spec.hidden = config.size("hidden_size");
  spec.vocab = config.size("vocab_size");
  spec.max_position = config.size_or("max_position_embeddings", 2048);
  spec.activation = read_activation(config, family->traits.activation);
  spec.rope_pairs = family->traits.rope_pairs;
  add_heads(spec, *family, config);
  add_factors(spec, *family, config);
  const double eps = config.number_or(family->traits.centered ? "layer_norm_eps" : "rms_norm_eps",
                                      family->traits.centered ? 1e-5 : 1e-6);
  const std::int64_t layers = config.size("num_hidden_layers");
  const std::vector<Shortcut> parts = family->traits.two_halves
                                          ? std::vector{Shortcut::kOpens, Shortcut::kCloses}
                                          : std::vector{Shortcut::kNone};
  std::size_t parts_with_tensors = static_cast<std::size_t>(layers);
  check_count(config, "num_hidden_layers", parts_with_tensors, checkpoint);
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    for (const Shortcut part : parts)
      spec.blocks.push_back(build_block(spec, *family, config,
                                        fmt::format("{}{}.{}", names.prefix, modules.layers, layer),
                                        layer, eps, part));
    if (const auto& moe = spec.blocks.back().moe) parts_with_tensors += moe->experts.size();
    check_count(config, "layers with their experts", parts_with_tensors, checkpoint);
  }
  spec.stream = (family->traits.two_halves ? 2 : 1) * spec.hidden;
  if (family->traits.entries) {
    spec.head_hyper = build_hyper(config, names.prefix + "hc_head", eps);
    spec.stream = spec.head_hyper->copies * spec.hidden + 1;
  }
  spec.embedding = names.prefix + modules.embedding;
  spec.final_norm = {names.prefix + modules.final_norm, spec.hidden, eps, family->traits.one_plus,
                     family->traits.centered};
  spec.head = {names.head, spec.hidden, spec.vocab, false, Role::kHead, ""};
  // Baichuan 2; the first one has neither the key nor more than 64000 tokens.
  spec.unit_head =
      spec.model_type == "baichuan" && (spec.vocab > 64000 || config.has("z_loss_weight"));
  spec.tied = !checkpoint.has(names.head + ".weight");
  if (spec.tied && !config.flag_or("tie_word_embeddings", true))
    throw DataError(fmt::format("{}: {}.weight is missing although tie_word_embeddings is false",
                                checkpoint.folder(), names.head),
                    "the download is incomplete; fetch the missing shard");
  if (family->mtp) add_mtp(spec, *family, config, checkpoint, names, eps);
  const TensorView embedding = checkpoint.at(spec.embedding + ".weight");
  spec.dtype = declared_dtype(config).value_or(embedding.dtype);
  if (spec.dtype != embedding.dtype)
    log_warning("model", "{} declares {}, the weights are {}; the weights count", config.path(),
                dtype_name(spec.dtype), dtype_name(embedding.dtype));
  spec.dtype = embedding.dtype;
  if (family->traits.root_embedding)
    spec.embedding_scale = round_scale(spec.embedding_scale, spec.dtype);
  return spec;
}

ModelSpec build_any_spec(const ModelConfig& config, const CheckpointReader& checkpoint) {
  const std::string obstacle = architecture_of(config, checkpoint).obstacle;
  return obstacle.empty() ? build_model_spec(config, checkpoint)
                          : spec_by_tensors(config, checkpoint, obstacle);
}

}  // namespace msmodelslim
