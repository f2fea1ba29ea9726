#include "model/config_aliases.h"

#include <algorithm>
#include <string>

#include "model/step_keys.h"

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

// The published 13B models; those with RoPE say how many positions there are.
void baichuan(Json& config) {
  set(config, "alibi",
      config.value("hidden_size", Json()) == 5120 || !has(config, "max_position_embeddings"));
  copy(config, "max_position_embeddings", "model_max_length");
}

// Numbers may be lists of one for each layer; those of the published models do not differ.
Json first_of(const Json& config, const char* key) {
  if (!has(config, key)) return {};
  const Json& value = config.at(key);
  const bool same = value.is_array() && !value.empty() &&
                    std::all_of(value.begin(), value.end(),
                                [&](const Json& one) { return one == value.front(); });
  return same ? value.front() : value;
}

void hunyuan_moe(Json& config) {
  for (const char* key : {"num_experts", "moe_topk", "moe_intermediate_size", "num_shared_expert"})
    if (has(config, key)) config[key] = first_of(config, key);
  copy(config, "num_experts_per_tok", "moe_topk");
  copy(config, "moe_intermediate_size", "intermediate_size");
  const double width = number(config, "intermediate_size", 0);
  set(config, "shared_width",
      static_cast<std::int64_t>(width * number(config, "num_shared_expert", 1)));
}

// num_hidden_layers, where files have it, counts blocks or layers.
void longcat(Json& config) {
  if (has(config, "num_layers")) config["num_hidden_layers"] = config.at("num_layers");
  copy(config, "intermediate_size", "ffn_hidden_size");
  copy(config, "moe_intermediate_size", "expert_ffn_hidden_size");
  copy(config, "num_experts_per_tok", "moe_topk");
}

void gpt_neox(Json& config) {
  copy(config, "partial_rotary_factor", "rotary_pct");
  copy(config, "rope_theta", "rotary_emb_base");
}

}  // namespace

void add_usual_keys(Json& config) {
  const Json type = config.value("model_type", Json());
  if (type == "qwen") qwen(config);
  if (type == "chatglm") chatglm(config);
  if (type == "qwen3_vl_moe_text" || type == "qwen3_omni_moe_text")
    set(config, "norm_topk_prob", true);
  if (type == "qwen2_moe") {
    copy(config, "attention_bias", "qkv_bias");
    set(config, "attention_bias", true);
  }
  if (type == "baichuan") baichuan(config);
  if (type == "hunyuan_v1_moe") hunyuan_moe(config);
  if (type == "longcat_flash") longcat(config);
  if (type == "step3p5") add_step_keys(config);
  if (type == "gpt_neox") gpt_neox(config);
  if (type == "starcoder2") copy(config, "layer_norm_eps", "norm_epsilon");
  if (type == "olmo3") copy(config, "rope_local_base_freq", "rope_theta");
  if (type != "gpt_oss") return;
  copy(config, "num_experts_per_tok", "experts_per_token");
}

}  // namespace msmodelslim
