#pragma once
// The model families that have a forward pass: one table row each (reference: models 2.4).

#include <string>
#include <vector>

namespace msmodelslim {

enum class Rule { kNever, kAlways, kConfig };  // kConfig: the key named beside it
enum class WindowRule {
  kNever,
  kAllLayers,        // `sliding_window` when it is a number
  kUseSlidingWindow  // only with `use_sliding_window`: layers >= `max_window_layers`
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
};

const std::vector<FamilyRow>& families();
// nullptr when the family is not in the table.
const FamilyRow* find_family(const std::string& model_type, const std::string& architecture);
std::string supported_families_text();

}  // namespace msmodelslim
