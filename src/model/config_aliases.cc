#include "model/config_aliases.h"

#include <string>

namespace msmodelslim {
namespace {

bool has(const Json& config, const char* key) {
  return config.contains(key) && !config.at(key).is_null();
}

void set(Json& config, const char* usual, const Json& value) {
  if (!has(config, usual)) config[usual] = value;
}

void copy(Json& config, const char* usual, const char* own) {
  if (has(config, own)) set(config, usual, config.at(own));
}

double number(const Json& config, const char* key, double fallback) {
  return has(config, key) && config.at(key).is_number() ? config.at(key).get<double>() : fallback;
}

// Gate and up together are intermediate_size wide; the file's number stays where it is.
void qwen(Json& config) {
  copy(config, "rms_norm_eps", "layer_norm_epsilon");
  copy(config, "rope_theta", "rotary_emb_base");
  copy(config, "head_dim", "kv_channels");
  copy(config, "partial_rotary_factor", "rotary_pct");
  copy(config, "max_position_embeddings", "seq_length");
}

void chatglm(Json& config) {
  copy(config, "num_hidden_layers", "num_layers");
  copy(config, "intermediate_size", "ffn_hidden_size");
  copy(config, "vocab_size", "padded_vocab_size");
  copy(config, "head_dim", "kv_channels");
  copy(config, "rms_norm_eps", "layernorm_epsilon");
  copy(config, "max_position_embeddings", "seq_length");
  if (config.value("multi_query_attention", Json(false)) == true)
    copy(config, "num_key_value_heads", "multi_query_group_num");
  set(config, "rms_norm_eps", 1e-5);
  set(config, "rope_theta", 10000 * number(config, "rope_ratio", 1));
  set(config, "partial_rotary_factor", 0.5);
  set(config, "add_qkv_bias", true);
}

}  // namespace

void add_usual_keys(Json& config) {
  const Json type = config.value("model_type", Json());
  if (type == "qwen") qwen(config);
  if (type == "chatglm") chatglm(config);
  if (type == "baichuan") copy(config, "max_position_embeddings", "model_max_length");
  if (type != "gpt_oss") return;
  copy(config, "num_experts_per_tok", "experts_per_token");
  set(config, "rms_norm_eps", 1e-5);
  set(config, "attention_bias", true);
}

}  // namespace msmodelslim
