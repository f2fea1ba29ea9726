#pragma once
// The model families that have a forward pass: one table row each (reference: models 2.4).

#include <string>
#include <vector>

#include "model/spec.h"

namespace msmodelslim {

enum class Rule { kNever, kAlways, kConfig };  // kConfig: the key named beside it
enum class WindowRule {
  kNever,
  kAllLayers,         // `sliding_window` when it is a number
  kAllWhenUsed,       // only with `use_sliding_window`
  kUseSlidingWindow,  // only with `use_sliding_window`: layers >= `max_window_layers`
  kEvenLayers,
  kPattern  // all but every `sliding_window_pattern`-th
};

// Where the norms of the residual stream stand, and their names.
enum class NormPlaces {
  kPre,       // input_layernorm, attention; post_attention_layernorm, MLP
  kSandwich,  // input_layernorm, attention, post_attention_layernorm; pre_feedforward_layernorm,
              // MLP, post_feedforward_layernorm
  kOuter,     // those of kSandwich behind attention and MLP only
  kGlm,       // as kPre, and post_self_attn_layernorm, post_mlp_layernorm behind attention and MLP
  kParallel,  // input_layernorm, which attention and MLP both read
  kTwoParallel  // as kPre, both of the same stream unless `use_parallel_residual` is false
};

// How a checkpoint names its modules.
struct ModuleNames {
  const char* prefix;  // null: see tensor_names.h
  const char* embedding;
  const char* layers;
  const char* final_norm;
  const char* head;  // without the prefix
  const char* input_norm;
  const char* post_norm;
  const char* attention;
  const char* qkv;
  const char* out;
  const char* mlp;
  const char* gate;  // "": none, see BlockSpec
  const char* up;
  const char* down;
  const char* gate_up;
};
inline constexpr ModuleNames kLlamaNames = {nullptr,
                                            "embed_tokens",
                                            "layers",
                                            "norm",
                                            "lm_head",
                                            "input_layernorm",
                                            "post_attention_layernorm",
                                            "self_attn",
                                            "qkv_proj",
                                            "o_proj",
                                            "mlp",
                                            "gate_proj",
                                            "up_proj",
                                            "down_proj",
                                            "gate_up_proj"};

// What few families have.
struct FamilyTraits {
  NormPlaces norms = NormPlaces::kPre;
  bool one_plus = false;    // see NormSpec
  bool centered = false;    // with layer_norm_eps
  bool whole_norm = false;  // the norms of q and k are over all heads
  bool fused_qkv = false;
  bool grouped_qkv = false;  // see BlockSpec
  bool fused_gate_up = false;
  bool sinks = false;
  bool rope_pairs = false;
  bool window_rope = false;                   // only layers with a window have positions
  bool late_qk_norm = false;                  // see BlockSpec
  Activation activation = Activation::kSilu;  // where config.json names none
  bool root_embedding = false;  // embeddings times sqrt(hidden), rounded to the weights' dtype
  bool query_scalar = false;    // scores times query_pre_attn_scalar^-1/2
  bool query_gate = false;
  bool head_gate = false;   // see BlockSpec; unless `use_head_wise_attn_gate` is false
  bool two_halves = false;  // a layer is two blocks, see Shortcut
  bool entries = false;     // see EntryAttentionSpec
  // The family's own names of the keys.
  const char* qkv_bias_key = nullptr;
  const char* out_bias_key = nullptr;
  const char* mlp_bias_key = nullptr;
  const char* q_norm = "q_norm";
  const char* k_norm = "k_norm";
  const ModuleNames* names = &kLlamaNames;
};

struct FamilyRow {
  const char* model_type;    // config.json
  const char* architecture;  // config.json, architectures[0]
  Rule qkv_bias;             // kConfig: attention_bias
  Rule out_bias;             // kConfig: attention_bias
  Rule mlp_bias;             // kConfig: mlp_bias
  Rule qk_norm;              // RMSNorm over head_dim on q and k, before RoPE; kConfig: use_qk_norm
  int head_dim_default;      // 0: hidden_size / num_attention_heads
  WindowRule window;
  bool mla = false;
  bool mtp = false;  // num_nextn_predict_layers more layers behind the last
  FamilyTraits traits = {};
};

const std::vector<FamilyRow>& families();
// nullptr when the family is not in the table.
const FamilyRow* find_family(const std::string& model_type, const std::string& architecture);
std::string supported_families_text();

}  // namespace msmodelslim
