#include "checkpoint/gguf_arch.h"

#include <charconv>
#include <cstdlib>
#include <limits>

#include "base/error.h"
#include "checkpoint/gguf_rope.h"

namespace msmodelslim {
namespace {

// config.json follows this version of transformers; later ones read it too. Without the key, some
// versions warn about the tokenizer of a local folder.
constexpr char kSchemaVersion[] = "4.46.0";

// The double whose shortest text is the shortest text of the float: 1e-05, not 9.9999997e-06.
double shortest(double value) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof(text) - 1, static_cast<float>(value)).ptr;
  *end = '\0';
  return std::strtod(text, nullptr);
}

std::int64_t positive(const GgufMetadata& metadata, const std::string& key) {
  const std::int64_t value = metadata.need_integer(key);
  if (value < 1 || value > std::numeric_limits<std::int32_t>::max())
    throw DataError(fmt::format("{}: {} is {}", metadata.where(), key, value),
                    "the file is damaged; download it again");
  return value;
}

void refuse(const GgufMetadata& metadata, const std::string& what) {
  throw DataError(fmt::format("{}: {} is not supported", metadata.where(), what),
                  "supported are dense models of the GGUF architectures llama, qwen2 and qwen3; "
                  "for others start from the Hugging Face folder of the model");
}

void read_head_sizes(const GgufMetadata& metadata, const std::string& prefix, GgufArch& arch) {
  arch.heads = positive(metadata, prefix + "attention.head_count");
  arch.kv_heads = metadata.has(prefix + "attention.head_count_kv")
                      ? positive(metadata, prefix + "attention.head_count_kv")
                      : arch.heads;
  if (metadata.has(prefix + "attention.key_length"))
    arch.head_dim = positive(metadata, prefix + "attention.key_length");
  else if (arch.hidden % arch.heads == 0)
    arch.head_dim = arch.hidden / arch.heads;
  else
    refuse(metadata, fmt::format("a width of {} for {} heads", arch.hidden, arch.heads));
  if (arch.heads % arch.kv_heads != 0 || arch.head_dim % 2 != 0)
    refuse(metadata, fmt::format("attention with {} heads, {} KV heads and head size {}",
                                 arch.heads, arch.kv_heads, arch.head_dim));
  if (metadata.integer_or(prefix + "attention.value_length", arch.head_dim) != arch.head_dim)
    refuse(metadata, "attention whose keys and values differ in size");
  if (metadata.integer_or(prefix + "rope.dimension_count", arch.head_dim) != arch.head_dim)
    refuse(metadata, "rotary embedding of a part of the head");
}

}  // namespace

GgufArch read_gguf_arch(const GgufModel& model) {
  const GgufMetadata& metadata = model.metadata();
  GgufArch arch;
  arch.name = metadata.need_string("general.architecture");
  const std::string prefix = arch.name + ".";
  if (arch.name == "llama") {
    const bool sliding = metadata.integer_or("llama.attention.sliding_window", 0) > 0;
    arch.model_type = sliding ? "mistral" : "llama";
    arch.model_class = sliding ? "MistralForCausalLM" : "LlamaForCausalLM";
    arch.interleaved = true;
  } else if (arch.name == "qwen2") {
    arch.model_type = "qwen2";
    arch.model_class = "Qwen2ForCausalLM";
  } else if (arch.name == "qwen3") {
    arch.model_type = "qwen3";
    arch.model_class = "Qwen3ForCausalLM";
    arch.qk_norm = true;
  } else {
    refuse(metadata, fmt::format("architecture \"{}\"", arch.name));
  }
  if (metadata.integer_or(prefix + "expert_count", 0) > 0) refuse(metadata, "a mixture of experts");

  arch.layers = positive(metadata, prefix + "block_count");
  arch.hidden = positive(metadata, prefix + "embedding_length");
  arch.intermediate = positive(metadata, prefix + "feed_forward_length");
  arch.context = positive(metadata, prefix + "context_length");
  read_head_sizes(metadata, prefix, arch);
  arch.vocab = model.at("token_embd.weight").tensor->shape.front();
  arch.tied = !model.has("output.weight");
  arch.qkv_bias = arch.name == "qwen2" || model.has("blk.0.attn_q.bias");
  arch.output_bias = model.has("blk.0.attn_output.bias");
  arch.mlp_bias = model.has("blk.0.ffn_down.bias");
  const bool bias_fits =
      arch.model_type == "mistral" ? !arch.qkv_bias && !arch.output_bias && !arch.mlp_bias
      : arch.name == "qwen2"       ? !arch.output_bias && !arch.mlp_bias
      : arch.name == "qwen3"       ? !arch.mlp_bias && arch.qkv_bias == arch.output_bias
                                   : arch.qkv_bias == arch.output_bias;
  if (!bias_fits) refuse(metadata, "this combination of biases");
  return arch;
}

Json gguf_config(const GgufModel& model, const GgufArch& arch) {
  const GgufMetadata& metadata = model.metadata();
  const std::string prefix = arch.name + ".";
  Json config;
  config["architectures"] = Json::array({arch.model_class});
  if (arch.name != "qwen2") config["attention_bias"] = arch.qkv_bias;
  config["attention_dropout"] = 0.0;
  config["bos_token_id"] = nullptr;  // the order of keys is the one of Hugging Face's files
  config["eos_token_id"] = nullptr;
  if (arch.name == "qwen3" || arch.head_dim * arch.heads != arch.hidden)
    config["head_dim"] = arch.head_dim;
  config["hidden_act"] = "silu";
  config["hidden_size"] = arch.hidden;
  config["initializer_range"] = 0.02;
  config["intermediate_size"] = arch.intermediate;
  config["max_position_embeddings"] = arch.context;
  if (arch.name != "llama") config["max_window_layers"] = arch.layers;
  if (arch.model_type == "llama") config["mlp_bias"] = arch.mlp_bias;
  config["model_type"] = arch.model_type;
  config["num_attention_heads"] = arch.heads;
  config["num_hidden_layers"] = arch.layers;
  config["num_key_value_heads"] = arch.kv_heads;
  config["pad_token_id"] = nullptr;
  config["rms_norm_eps"] =
      shortest(metadata.need_number(prefix + "attention.layer_norm_rms_epsilon"));
  config["rope_scaling"] = gguf_rope_scaling(model, arch);
  config["rope_theta"] = shortest(metadata.number_or(prefix + "rope.freq_base", 10000.0));
  if (arch.model_type == "mistral")
    config["sliding_window"] = metadata.need_integer("llama.attention.sliding_window");
  config["tie_word_embeddings"] = arch.tied;
  config["torch_dtype"] = nullptr;
  config["transformers_version"] = kSchemaVersion;
  config["use_cache"] = true;
  if (arch.name != "llama") config["use_sliding_window"] = false;
  config["vocab_size"] = arch.vocab;
  return config;
}

}  // namespace msmodelslim
