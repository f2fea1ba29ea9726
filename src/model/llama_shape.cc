#include "model/llama_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "model/tensor_names.h"

namespace msmodelslim {
namespace {

constexpr std::array<const char*, 6> kRequired = {"hidden_size",         "intermediate_size",
                                                  "num_hidden_layers",   "vocab_size",
                                                  "num_attention_heads", "rms_norm_eps"};

// Keys that are read, or that do not change what a layer computes.
constexpr std::array<const char*, 46> kUnderstood = {"num_key_value_heads",
                                                     "head_dim",
                                                     "max_position_embeddings",
                                                     "rope_theta",
                                                     "rope_scaling",
                                                     "rope_parameters",
                                                     "tie_word_embeddings",
                                                     "hidden_act",
                                                     "attention_bias",
                                                     "mlp_bias",
                                                     "architectures",
                                                     "model_type",
                                                     "auto_map",
                                                     "torch_dtype",
                                                     "dtype",
                                                     "transformers_version",
                                                     "_name_or_path",
                                                     "name_or_path",
                                                     "_attn_implementation",
                                                     "attn_implementation",
                                                     "attention_dropout",
                                                     "hidden_dropout",
                                                     "resid_pdrop",
                                                     "embd_pdrop",
                                                     "attn_pdrop",
                                                     "initializer_range",
                                                     "use_cache",
                                                     "bos_token_id",
                                                     "eos_token_id",
                                                     "pad_token_id",
                                                     "unk_token_id",
                                                     "sep_token_id",
                                                     "quantization_config",
                                                     "max_window_layers",
                                                     "return_dict",
                                                     "use_return_dict",
                                                     "id2label",
                                                     "label2id",
                                                     "task_specific_params",
                                                     "problem_type",
                                                     "chunk_size_feed_forward",
                                                     "finetuning_task",
                                                     "tokenizer_class",
                                                     "prefix",
                                                     "language",
                                                     "vision_config"};

constexpr std::array<const char*, 9> kWeights = {
    "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight",
    "self_attn.o_proj.weight", "mlp.gate_proj.weight",    "mlp.up_proj.weight",
    "mlp.down_proj.weight",    "input_layernorm.weight",  "post_attention_layernorm.weight"};
constexpr std::array<const char*, 9> kOptional = {
    "self_attn.q_proj.bias", "self_attn.k_proj.bias",   "self_attn.v_proj.bias",
    "self_attn.o_proj.bias", "mlp.gate_proj.bias",      "mlp.up_proj.bias",
    "mlp.down_proj.bias",    "self_attn.q_norm.weight", "self_attn.k_norm.weight"};

template <typename List>
bool contains(const List& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// A feature that is switched off.
bool is_off(const Json& value) {
  return value.is_null() || value == false || (value.is_object() && value.empty()) ||
         (value.is_array() && value.empty());
}

std::string difference_of_keys(const ModelConfig& config) {
  for (const char* key : kRequired)
    if (!config.has(key)) return fmt::format("config.json has no {}", key);
  const std::string act = config.text_or("hidden_act", "silu");
  if (act != "silu" && act != "swish") return "hidden_act is " + act;
  for (const auto& [key, value] : config.json().items()) {
    if (contains(kRequired, key) || contains(kUnderstood, key) || is_off(value)) continue;
    if (key == "pretraining_tp" && value == 1) continue;
    if (key == "layer_types" && value.is_array() &&
        std::all_of(value.begin(), value.end(),
                    [](const Json& type) { return type == "full_attention"; }))
      continue;
    // Parts for images and sounds, and where the text's own part was read from.
    if (value.is_object() && key.ends_with("_config")) continue;
    if (key.ends_with("_token_id") || key.ends_with("_token_index")) continue;
    return fmt::format("config.json has the key {}", key);
  }
  return "";
}

std::string difference_of_tensors(const ModelConfig& config, const CheckpointReader& checkpoint,
                                  const TensorNames& names) {
  const std::string layers = names.prefix + "layers.";
  for (const char* weight : kWeights)
    if (!checkpoint.has(layers + "0." + weight)) return layers + "0." + weight + " is missing";
  const bool wrapped = config.json().contains("vision_config") || names.prefix != "model.";
  for (const std::string& name : checkpoint.names()) {
    if (name.rfind(layers, 0) != 0) {
      const bool end = name == names.prefix + "embed_tokens.weight" ||
                       name == names.prefix + "norm.weight" || name == names.head + ".weight";
      if (!end && !wrapped && !name.ends_with("inv_freq")) return "there is the tensor " + name;
      continue;
    }
    const std::size_t dot = name.find('.', layers.size());
    const std::string part = dot == std::string::npos ? "" : name.substr(dot + 1);
    if (!contains(kWeights, part) && !contains(kOptional, part) && !name.ends_with("inv_freq"))
      return "there is the tensor " + name;
  }
  return "";
}

}  // namespace

LlamaShape llama_shape(const ModelConfig& config, const CheckpointReader& checkpoint) {
  LlamaShape shape;
  const TensorNames names = tensor_names(checkpoint);
  shape.difference = difference_of_keys(config);
  if (shape.difference.empty()) shape.difference = difference_of_tensors(config, checkpoint, names);
  if (!shape.difference.empty()) return shape;
  const std::string first = names.prefix + "layers.0.";
  const auto rule = [&](const char* tensor) {
    return checkpoint.has(first + tensor) ? Rule::kAlways : Rule::kNever;
  };
  shape.row = FamilyRow{"llama",
                        "LlamaForCausalLM",
                        rule("self_attn.q_proj.bias"),
                        rule("self_attn.o_proj.bias"),
                        rule("mlp.gate_proj.bias"),
                        rule("self_attn.q_norm.weight"),
                        0,
                        WindowRule::kNever};
  return shape;
}

}  // namespace msmodelslim
