#include "model/build.h"

#include "base/error.h"
#include "base/log.h"
#include "model/build_mla.h"
#include "model/build_moe.h"
#include "model/by_tensors.h"
#include "model/families/families.h"
#include "model/llama_shape.h"
#include "model/rope.h"
#include "model/tensor_names.h"

namespace msmodelslim {
namespace {

constexpr const char* kConfigRemedy =
    "check that config.json is the one that came with the weights";

bool holds(Rule rule, const ModelConfig& config, const char* key) {
  if (rule == Rule::kConfig) return config.flag_or(key, false);
  return rule == Rule::kAlways;
}

std::int64_t window_of(const FamilyRow& family, const ModelConfig& config, std::int64_t layer) {
  const bool windowed = config.has("sliding_window");
  if (config.has("layer_types")) {
    const Json& types = config.json().at("layer_types");
    if (types.is_array() && static_cast<std::size_t>(layer) < types.size())
      return types[static_cast<std::size_t>(layer)] == "sliding_attention" && windowed
                 ? config.size("sliding_window")
                 : 0;
  }
  switch (family.window) {
    case WindowRule::kNever:
      return 0;
    case WindowRule::kAllLayers:
      return windowed ? config.size("sliding_window") : 0;
    case WindowRule::kUseSlidingWindow:
      break;
  }
  const bool used = config.flag_or("use_sliding_window", false) && windowed;
  return used && layer >= config.size_or("max_window_layers", 28) ? config.size("sliding_window")
                                                                  : 0;
}

void add_qkv(const ModelSpec& spec, const FamilyRow& family, const ModelConfig& config, double eps,
             BlockSpec& block) {
  const std::string attention = block.attention_name();
  const std::int64_t h = spec.hidden;
  const std::int64_t kv_width = spec.kv_heads * spec.head_dim;
  const bool bias = holds(family.qkv_bias, config, "attention_bias");
  const std::string qkv = attention + ".qkv_proj";
  if (holds(family.qk_norm, config, "use_qk_norm")) {
    block.q_norm = NormSpec{attention + ".q_norm", spec.head_dim, eps};
    block.k_norm = NormSpec{attention + ".k_norm", spec.head_dim, eps};
  }
  block.q = {attention + ".q_proj", h, spec.heads * spec.head_dim, bias, Role::kQuery, qkv};
  block.k = {attention + ".k_proj", h, kv_width, bias, Role::kKey, qkv};
  block.v = {attention + ".v_proj", h, kv_width, bias, Role::kValue, qkv};
}

BlockSpec build_block(const ModelSpec& spec, const FamilyRow& family, const ModelConfig& config,
                      const TensorNames& names, std::int64_t layer, double eps) {
  BlockSpec block;
  block.name = fmt::format("{}layers.{}", names.prefix, layer);
  const std::string attention = block.attention_name();
  const std::int64_t h = spec.hidden;
  block.input_norm = {block.name + ".input_layernorm", h, eps};
  block.post_attention_norm = {block.name + ".post_attention_layernorm", h, eps};
  if (family.mla)
    block.mla =
        build_mla(config, spec, attention, holds(family.qkv_bias, config, "attention_bias"));
  else
    add_qkv(spec, family, config, eps, block);
  block.o = {attention + ".o_proj",
             spec.heads * spec.head_dim,
             h,
             holds(family.out_bias, config, "attention_bias"),
             Role::kAttentionOut,
             ""};
  block.moe = build_moe(config, block.name, layer, h);
  if (!block.moe) {
    MlpSpec mlp = mlp_spec(block.name + ".mlp", kLlamaMlp, h, config.size("intermediate_size"),
                           holds(family.mlp_bias, config, "mlp_bias"));
    block.gate = std::move(mlp.gate);
    block.up = std::move(mlp.up);
    block.down = std::move(mlp.down);
  }
  block.window = window_of(family, config, layer);
  return block;
}

// Sizes of the heads.
void add_heads(ModelSpec& spec, const FamilyRow& family, const ModelConfig& config) {
  spec.heads = config.size("num_attention_heads");
  if (family.mla) {
    spec.kv_heads = spec.heads;
    spec.head_dim = config.size("v_head_dim");
    spec.rope = read_rope(config, config.size("qk_rope_head_dim"));
    spec.key_width = config.size("kv_lora_rank") + config.size("qk_rope_head_dim");
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
  spec.key_width = spec.value_width = spec.kv_heads * spec.head_dim;
}

// Files may leave the layers out that config.json counts.
void add_mtp(ModelSpec& spec, const FamilyRow& family, const ModelConfig& config,
             const CheckpointReader& checkpoint, const TensorNames& names, double eps) {
  const auto first = static_cast<std::int64_t>(spec.blocks.size());
  const auto count = static_cast<std::int64_t>(config.number_or("num_nextn_predict_layers", 0));
  for (std::int64_t i = first; i < first + count; ++i) {
    if (!checkpoint.has(fmt::format("{}layers.{}.eh_proj.weight", names.prefix, i))) return;
    spec.blocks.push_back(build_block(spec, family, config, names, i, eps));
    BlockSpec& block = spec.blocks.back();
    block.mtp = build_mtp(checkpoint, block.name, spec.hidden, eps);
  }
}

void check_tensor(const CheckpointReader& checkpoint, const std::string& name, const Shape& shape,
                  std::vector<std::string>& problems) {
  if (!checkpoint.has(name)) {
    problems.push_back(fmt::format("{} is missing", name));
    return;
  }
  const WeightSource source = checkpoint.source(name);
  if (source.shape() != shape)
    problems.push_back(fmt::format("{} is {} in {}, expected {}", name, shape_text(source.shape()),
                                   checkpoint.file_of(name), shape_text(shape)));
  else if (!is_float(source.dtype()))
    problems.push_back(fmt::format("{} is {} in {}, expected F16, BF16 or F32", name,
                                   dtype_name(source.dtype()), checkpoint.file_of(name)));
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
  const TensorNames names = tensor_names(checkpoint);
  const std::string act = config.text_or("hidden_act", "silu");
  if (act != "silu" && act != "swish")
    throw DataError(fmt::format("{}: hidden_act \"{}\" is not supported", config.path(), act),
                    "supported: silu");
  spec.hidden = config.size("hidden_size");
  spec.vocab = config.size("vocab_size");
  spec.max_position = config.size_or("max_position_embeddings", 2048);
  add_heads(spec, *family, config);
  const double eps = config.number_or("rms_norm_eps", 1e-6);
  const std::int64_t layers = config.size("num_hidden_layers");
  for (std::int64_t layer = 0; layer < layers; ++layer)
    spec.blocks.push_back(build_block(spec, *family, config, names, layer, eps));
  if (family->mtp) add_mtp(spec, *family, config, checkpoint, names, eps);
  spec.embedding = names.prefix + "embed_tokens";
  spec.final_norm = {names.prefix + "norm", spec.hidden, eps};
  spec.head = {names.head, spec.hidden, spec.vocab, false, Role::kHead, ""};
  spec.tied = !checkpoint.has(names.head + ".weight");
  if (spec.tied && !config.flag_or("tie_word_embeddings", true))
    throw DataError(fmt::format("{}: {}.weight is missing although tie_word_embeddings is false",
                                checkpoint.folder(), names.head),
                    "the download is incomplete; fetch the missing shard");
  const TensorView embedding = checkpoint.at(spec.embedding + ".weight");
  spec.dtype = declared_dtype(config).value_or(embedding.dtype);
  if (spec.dtype != embedding.dtype)
    log_warning("model", "{} declares {}, the weights are {}; the weights count", config.path(),
                dtype_name(spec.dtype), dtype_name(embedding.dtype));
  spec.dtype = embedding.dtype;
  return spec;
}

ModelSpec build_any_spec(const ModelConfig& config, const CheckpointReader& checkpoint) {
  const std::string obstacle = architecture_of(config, checkpoint).obstacle;
  return obstacle.empty() ? build_model_spec(config, checkpoint)
                          : spec_by_tensors(config, checkpoint, obstacle);
}

void check_checkpoint(const ModelSpec& spec, const CheckpointReader& checkpoint) {
  std::vector<std::string> problems;
  const auto linear = [&](const LinearSpec& l) {
    check_tensor(checkpoint, l.name + ".weight", {l.out, l.in}, problems);
    if (l.bias) check_tensor(checkpoint, l.name + ".bias", {l.out}, problems);
  };
  const auto norm = [&](const NormSpec& n) {
    check_tensor(checkpoint, n.name + ".weight", {n.size}, problems);
  };
  check_tensor(checkpoint, spec.embedding + ".weight", {spec.vocab, spec.hidden}, problems);
  for (const BlockSpec& block : spec.blocks) {
    for (const LinearSpec* l : block.linears()) linear(*l);
    norm(block.input_norm);
    norm(block.post_attention_norm);
    if (block.q_norm) norm(*block.q_norm);
    if (block.k_norm) norm(*block.k_norm);
    if (block.mla && block.mla->q_a_norm) norm(*block.mla->q_a_norm);
    if (block.mla) norm(block.mla->kv_a_norm);
    if (block.mtp)
      for (const NormSpec* n :
           {&block.mtp->embedding_norm, &block.mtp->hidden_norm, &block.mtp->head_norm})
        norm(*n);
    if (!block.moe) continue;
    const auto experts = static_cast<std::int64_t>(block.moe->experts.size());
    if (!block.moe->router_is_linear) linear(block.moe->router);
    if (!block.moe->correction_bias.empty())
      check_tensor(checkpoint, block.moe->correction_bias, {experts}, problems);
  }
  norm(spec.final_norm);
  if (!spec.tied) linear(spec.head);
  if (problems.empty()) return;
  constexpr std::size_t kShown = 12;
  std::string text;
  for (std::size_t i = 0; i < problems.size() && i < kShown; ++i) text += "\n  " + problems[i];
  if (problems.size() > kShown) text += fmt::format("\n  and {} more", problems.size() - kShown);
  throw DataError(
      fmt::format("{}: the weights do not fit config.json:{}", checkpoint.folder(), text),
      "fetch the missing or damaged files again, or the config.json that belongs to "
      "these weights");
}

}  // namespace msmodelslim
