#include "model/config_aliases.h"

#include <algorithm>
#include <string>

#include "model/deepseek_v4_keys.h"
#include "model/json_keys.h"
#include "model/step_keys.h"

namespace msmodelslim {
namespace {

void set(Json& config, const char* usual, const Json& value) {
  if (!has_key(config, usual)) config[usual] = value;
}

double number(const Json& config, const char* key, double fallback) {
  return has_key(config, key) && config.at(key).is_number() ? config.at(key).get<double>()
                                                            : fallback;
}

// Gate and up together are intermediate_size wide; the file's number stays where it is.
void qwen(Json& config) {
  copy_key(config, "rms_norm_eps", "layer_norm_epsilon");
  copy_key(config, "rope_theta", "rotary_emb_base");
  copy_key(config, "head_dim", "kv_channels");
  copy_key(config, "partial_rotary_factor", "rotary_pct");
  copy_key(config, "max_position_embeddings", "seq_length");
}

void chatglm(Json& config) {
  copy_key(config, "num_hidden_layers", "num_layers");
  copy_key(config, "intermediate_size", "ffn_hidden_size");
  copy_key(config, "vocab_size", "padded_vocab_size");
  copy_key(config, "head_dim", "kv_channels");
  copy_key(config, "rms_norm_eps", "layernorm_epsilon");
  copy_key(config, "max_position_embeddings", "seq_length");
  if (config.value("multi_query_attention", Json(false)) == true)
    copy_key(config, "num_key_value_heads", "multi_query_group_num");
  set(config, "rms_norm_eps", 1e-5);
  set(config, "rope_theta", 10000 * number(config, "rope_ratio", 1));
  set(config, "partial_rotary_factor", 0.5);
  set(config, "add_qkv_bias", true);
}

// The published 13B models; those with RoPE say how many positions there are.
void baichuan(Json& config) {
  set(config, "alibi",
      config.value("hidden_size", Json()) == 5120 || !has_key(config, "max_position_embeddings"));
  copy_key(config, "max_position_embeddings", "model_max_length");
}

// Numbers may be lists of one for each layer; those of the published models do not differ.
Json first_of(const Json& config, const char* key) {
  if (!has_key(config, key)) return {};
  const Json& value = config.at(key);
  const bool same = value.is_array() && !value.empty() &&
                    std::all_of(value.begin(), value.end(),
                                [&](const Json& one) { return one == value.front(); });
  return same ? value.front() : value;
}

void hunyuan_moe(Json& config) {
  for (const char* key : {"num_experts", "moe_topk", "moe_intermediate_size", "num_shared_expert"})
    if (has_key(config, key)) config[key] = first_of(config, key);
  copy_key(config, "num_experts_per_tok", "moe_topk");
  copy_key(config, "moe_intermediate_size", "intermediate_size");
  const double width = number(config, "intermediate_size", 0);
  set(config, "shared_width",
      static_cast<std::int64_t>(width * number(config, "num_shared_expert", 1)));
}

// num_hidden_layers, where files have it, counts blocks or layers.
void longcat(Json& config) {
  if (has_key(config, "num_layers")) config["num_hidden_layers"] = config.at("num_layers");
  copy_key(config, "intermediate_size", "ffn_hidden_size");
  copy_key(config, "moe_intermediate_size", "expert_ffn_hidden_size");
  copy_key(config, "num_experts_per_tok", "moe_topk");
}

void gpt_neox(Json& config) {
  copy_key(config, "partial_rotary_factor", "rotary_pct");
  copy_key(config, "rope_theta", "rotary_emb_base");
}

}  // namespace

void add_usual_keys(Json& config) {
  const Json type = config.value("model_type", Json());
  if (type == "qwen") qwen(config);
  if (type == "chatglm") chatglm(config);
  if (type == "qwen3_vl_moe_text" || type == "qwen3_omni_moe_text")
    set(config, "norm_topk_prob", true);
  if (type == "qwen2_moe") {
    copy_key(config, "attention_bias", "qkv_bias");
    set(config, "attention_bias", true);
  }
  if (type == "baichuan") baichuan(config);
  if (type == "hunyuan_v1_moe") hunyuan_moe(config);
  if (type == "longcat_flash") longcat(config);
  if (type == "step3p5") add_step_keys(config);
  if (type == "deepseek_v4") add_deepseek_v4_keys(config);
  if (type == "gpt_neox") gpt_neox(config);
  if (type == "starcoder2") copy_key(config, "layer_norm_eps", "norm_epsilon");
  if (type == "olmo3") copy_key(config, "rope_local_base_freq", "rope_theta");
  if (type != "gpt_oss") return;
  copy_key(config, "num_experts_per_tok", "experts_per_token");
}

}  // namespace msmodelslim
