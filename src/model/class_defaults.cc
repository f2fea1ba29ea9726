// Source: the configuration classes of Hugging Face transformers 5.24. Gemma's published files
// leave most of their keys out. Experts are counted by the key that comes last, see build_moe.cc.
#include "model/class_defaults.h"

#include <array>
#include <string>
#include <string_view>

namespace msmodelslim {
namespace {

struct Row {
  std::string_view model_type;
  std::string_view values;
};

constexpr std::array kRows = {
    Row{"mistral",
        R"({"num_key_value_heads":8,"max_position_embeddings":131072,"sliding_window":4096})"},
    Row{"qwen2", R"({"max_position_embeddings":32768})"},
    Row{"qwen3", R"({"max_position_embeddings":32768})"},
    Row{"qwen2_moe",
        R"({"num_attention_heads":16,"max_position_embeddings":32768,"num_local_experts":60,
        "num_experts_per_tok":4,"moe_intermediate_size":1408,
        "shared_expert_intermediate_size":5632})"},
    Row{"qwen3_moe", R"({"num_key_value_heads":4,"max_position_embeddings":32768,
        "num_local_experts":128,"num_experts_per_tok":8,"moe_intermediate_size":768})"},
    Row{"mixtral", R"({"num_key_value_heads":8,"rms_norm_eps":1e-5,"rope_theta":1e6,
        "max_position_embeddings":131072,"num_local_experts":8,"num_experts_per_tok":2})"},
    Row{"glm4_moe", R"({"num_attention_heads":96,"num_key_value_heads":8,"rms_norm_eps":1e-5,
        "partial_rotary_factor":0.5,"max_position_embeddings":131072,"num_local_experts":128,
        "num_experts_per_tok":8,"n_shared_experts":1,"first_k_dense_replace":1,
        "moe_intermediate_size":1408})"},
    Row{"deepseek_v2", R"({"num_local_experts":64,"n_shared_experts":2,"moe_intermediate_size":1407,
        "q_lora_rank":1536,"kv_lora_rank":512,
        "qk_nope_head_dim":128,"qk_rope_head_dim":64,"v_head_dim":128})"},
    Row{"deepseek_v3", R"({"num_attention_heads":128,"max_position_embeddings":4096,
        "num_local_experts":256,"num_experts_per_tok":8,"n_shared_experts":1,"n_group":8,
        "topk_group":4,"routed_scaling_factor":2.5,"first_k_dense_replace":3,
        "moe_intermediate_size":2048,"q_lora_rank":1536,"kv_lora_rank":512,
        "qk_nope_head_dim":128,"qk_rope_head_dim":64,"v_head_dim":128})"},
    Row{"deepseek_v32", R"({"num_attention_heads":128,"max_position_embeddings":163840,
        "num_local_experts":256,"num_experts_per_tok":8,"n_shared_experts":1,"n_group":8,
        "topk_group":4,"routed_scaling_factor":2.5,"first_k_dense_replace":3,
        "moe_intermediate_size":2048,"q_lora_rank":1536,"kv_lora_rank":512,
        "qk_nope_head_dim":128,"qk_rope_head_dim":64,"v_head_dim":128,"index_topk":2048,
        "index_n_heads":64,"index_head_dim":128})"},
    Row{"glm_moe_dsa", R"({"num_attention_heads":64,"rms_norm_eps":1e-5,
        "max_position_embeddings":202752,"num_local_experts":256,"num_experts_per_tok":8,
        "n_shared_experts":1,"routed_scaling_factor":2.5,"first_k_dense_replace":3,
        "moe_intermediate_size":2048,"q_lora_rank":2048,"kv_lora_rank":512,
        "qk_nope_head_dim":192,"qk_rope_head_dim":64,"v_head_dim":256,"index_topk":2048,
        "index_n_heads":32,"index_head_dim":128})"},
    Row{"glm4_moe_lite", R"({"num_attention_heads":20,"rms_norm_eps":1e-5,
        "max_position_embeddings":202752,"num_local_experts":64,"num_experts_per_tok":4,
        "n_shared_experts":1,"routed_scaling_factor":1.8,"first_k_dense_replace":1,
        "moe_intermediate_size":1536,"q_lora_rank":768,"kv_lora_rank":512,
        "qk_nope_head_dim":192,"qk_rope_head_dim":64,"v_head_dim":256})"},
    Row{"longcat_flash", R"({"num_attention_heads":64,"rms_norm_eps":1e-5,"rope_theta":1e7,
        "max_position_embeddings":131072,"num_local_experts":512,"zero_expert_num":256,
        "num_experts_per_tok":12,"routed_scaling_factor":6.0,"moe_intermediate_size":2048,
        "intermediate_size":12288,"q_lora_rank":1536,"kv_lora_rank":512,"qk_nope_head_dim":128,
        "qk_rope_head_dim":64,"v_head_dim":128,"mla_scale_q_lora":true,
        "mla_scale_kv_lora":true})"},
    Row{"deepseek_v4", R"({"num_attention_heads":64,"head_dim":512,"qk_rope_head_dim":64,
        "max_position_embeddings":1048576,"num_local_experts":256,"num_experts_per_tok":6,
        "n_shared_experts":1,"routed_scaling_factor":1.5,"moe_intermediate_size":2048,
        "swiglu_limit":10.0,"q_lora_rank":1024,"o_groups":8,"o_lora_rank":1024,
        "sliding_window":128,"num_hash_layers":3,"index_topk":512,"index_n_heads":64,
        "index_head_dim":128,"hc_mult":4,"compress_rope_theta":160000})"},
    Row{"step3p5", R"({"num_attention_heads":64,"num_key_value_heads":8,"rms_norm_eps":1e-5,
        "max_position_embeddings":128000,"num_local_experts":288,"num_experts_per_tok":8,
        "moe_intermediate_size":1280,"share_expert_dim":1280})"},
    Row{"minimax_m2", R"({"num_attention_heads":48,"num_key_value_heads":8,"rope_theta":5e6,
        "max_position_embeddings":196608,"num_local_experts":256,"num_experts_per_tok":8})"},
    Row{"qwen3_next", R"({"num_attention_heads":16,"num_key_value_heads":2,
        "partial_rotary_factor":0.25,"max_position_embeddings":32768,"num_local_experts":512,
        "num_experts_per_tok":10,"moe_intermediate_size":512,
        "shared_expert_intermediate_size":512,"linear_num_key_heads":16,
        "linear_num_value_heads":32,"linear_key_head_dim":128,"linear_value_head_dim":128})"},
    Row{"qwen3_5_text", R"({"num_attention_heads":16,"num_key_value_heads":4,
        "partial_rotary_factor":0.25,"max_position_embeddings":32768,"linear_num_key_heads":16,
        "linear_num_value_heads":32,"linear_key_head_dim":128,"linear_value_head_dim":128})"},
    Row{"qwen3_5_moe_text", R"({"num_attention_heads":16,"num_key_value_heads":2,
        "partial_rotary_factor":0.25,"max_position_embeddings":32768,"num_local_experts":256,
        "num_experts_per_tok":8,"moe_intermediate_size":512,
        "shared_expert_intermediate_size":512,"linear_num_key_heads":16,
        "linear_num_value_heads":32,"linear_key_head_dim":128,"linear_value_head_dim":128})"},
    Row{"gpt_oss", R"({"num_attention_heads":64,"num_key_value_heads":8,"rms_norm_eps":1e-5,
        "attention_bias":true,"sliding_window":128,"rope_theta":150000,
        "max_position_embeddings":131072,"num_local_experts":128,"num_experts_per_tok":4})"},
    Row{"seed_oss", R"({"num_key_value_heads":8,"head_dim":128,"attention_bias":true,
        "attention_out_bias":false,"max_position_embeddings":524288})"},
    Row{"smollm3", R"({"num_attention_heads":16,"num_key_value_heads":4,"rope_theta":2e6,
        "no_rope_layer_interval":4,"max_position_embeddings":32768})"},
    Row{"granite", R"({"attention_multiplier":1.0})"},
    Row{"olmo3", R"({"rms_norm_eps":1e-5,"sliding_window":4096,"sliding_window_pattern":4,
        "rope_theta":500000,"rope_local_base_freq":500000})"},
    Row{"olmoe", R"({"num_attention_heads":16,"rms_norm_eps":1e-5,"num_local_experts":64,
        "num_experts_per_tok":8,"max_position_embeddings":4096})"},
    Row{"hunyuan_v1_dense", R"({"rms_norm_eps":1e-5})"},
    Row{"hunyuan_v1_moe", R"({"rms_norm_eps":1e-5})"},
    Row{"gpt_neox", R"({"num_attention_heads":64,"attention_bias":true,
        "partial_rotary_factor":0.25})"},
    Row{"starcoder2", R"({"num_attention_heads":24,"num_key_value_heads":2,"use_bias":true,
        "max_position_embeddings":4096})"},
    Row{"cohere2", R"({"num_attention_heads":64,"sliding_window":4096,
        "sliding_window_pattern":4,"max_position_embeddings":8192})"},
    Row{"gemma", R"({"num_attention_heads":16,"max_position_embeddings":8192})"},
    Row{"olmo2", R"({"rms_norm_eps":1e-5})"},
    Row{"phi3", R"({"rms_norm_eps":1e-5,"max_position_embeddings":4096})"},
    Row{"glm", R"({"num_key_value_heads":2,"rms_norm_eps":1.5625e-7,"attention_bias":true,
        "partial_rotary_factor":0.5,"max_position_embeddings":131072})"},
    Row{"glm4", R"({"num_key_value_heads":2,"rms_norm_eps":1.5625e-7,"attention_bias":true,
        "partial_rotary_factor":0.5,"max_position_embeddings":131072})"},
    Row{"cohere", R"({"num_attention_heads":64,"rope_theta":500000,
        "max_position_embeddings":8192})"},
    Row{"gemma2", R"({"vocab_size":256000,"hidden_size":2304,"intermediate_size":9216,
        "num_hidden_layers":26,"num_attention_heads":8,"num_key_value_heads":4,
        "sliding_window":4096,"attn_logit_softcapping":50,"final_logit_softcapping":30,
        "max_position_embeddings":8192})"},
    Row{"gemma3_text", R"({"vocab_size":262208,"hidden_size":2304,"intermediate_size":9216,
        "num_hidden_layers":26,"num_attention_heads":8,"num_key_value_heads":4,
        "sliding_window":4096,"rope_theta":1e6,"rope_local_base_freq":10000,
        "max_position_embeddings":131072})"},
};

// May also stand among the parameters of RoPE, for each kind of layer or for all.
bool has_in_rope(const Json& config, const std::string& key) {
  for (const char* name : {"rope_parameters", "rope_scaling"}) {
    if (!config.contains(name) || !config.at(name).is_object()) continue;
    const Json& rope = config.at(name);
    if (rope.contains(key)) return true;
    if (rope.contains("full_attention") &&
        (key == "rope_local_base_freq" || rope.at("full_attention").contains(key)))
      return true;
  }
  return false;
}

}  // namespace

void add_class_defaults(Json& config) {
  for (const Row& row : kRows) {
    if (config.value("model_type", Json()) != row.model_type) continue;
    const Json values = Json::parse(row.values);
    for (const auto& [key, value] : values.items())
      if (!config.contains(key) && !has_in_rope(config, key)) config[key] = value;
  }
}

}  // namespace msmodelslim
