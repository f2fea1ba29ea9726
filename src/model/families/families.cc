#include "model/families/families.h"

namespace msmodelslim {

const std::vector<FamilyRow>& families() {
  using B = Rule;
  using W = WindowRule;
  static const std::vector<FamilyRow> rows = {
      // model_type architecture         qkv bias    o bias      mlp bias    qk     d    window
      {"llama", "LlamaForCausalLM", B::kConfig, B::kConfig, B::kConfig, B::kNever, 0, W::kNever},
      {"mistral", "MistralForCausalLM", B::kNever, B::kNever, B::kNever, B::kNever, 0,
       W::kAllLayers},
      {"qwen2", "Qwen2ForCausalLM", B::kAlways, B::kNever, B::kNever, B::kNever, 0,
       W::kUseSlidingWindow},
      {"qwen3", "Qwen3ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kAlways, 128,
       W::kUseSlidingWindow},
      {"qwen2_moe", "Qwen2MoeForCausalLM", B::kAlways, B::kNever, B::kNever, B::kNever, 0,
       W::kUseSlidingWindow},
      {"qwen3_moe", "Qwen3MoeForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kAlways, 0,
       W::kUseSlidingWindow},
      {"mixtral", "MixtralForCausalLM", B::kNever, B::kNever, B::kNever, B::kNever, 0,
       W::kAllLayers},
      {"glm4_moe", "Glm4MoeForCausalLM", B::kConfig, B::kNever, B::kNever, B::kConfig, 0, W::kNever,
       false, true},
      {"deepseek_v3", "DeepseekV3ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 0,
       W::kNever, true, true},
      {"kimi_k2", "DeepseekV3ForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 0,
       W::kNever, true, true},
      {"glm4_moe_lite", "Glm4MoeLiteForCausalLM", B::kConfig, B::kConfig, B::kNever, B::kNever, 0,
       W::kNever, true, true},
  };
  return rows;
}

const FamilyRow* find_family(const std::string& model_type, const std::string& architecture) {
  for (const FamilyRow& row : families())
    if (model_type == row.model_type || (model_type.empty() && architecture == row.architecture))
      return &row;
  return nullptr;
}

std::string supported_families_text() {
  std::string text;
  for (const FamilyRow& row : families())
    text +=
        (text.empty() ? "" : ", ") + std::string(row.model_type) + " (" + row.architecture + ")";
  return text;
}

}  // namespace msmodelslim
