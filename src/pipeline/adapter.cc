#include "pipeline/adapter.h"

#include <algorithm>
#include <iterator>

namespace msmodelslim {

std::set<SubgraphKind> declared_subgraphs(const std::string& pedigree, SmoothAlgorithm algorithm) {
  using K = SubgraphKind;
  static const std::set<std::string> kAll = {"qwen3",         "qwen3_moe",  "deepseek_v3",
                                             "glm4_moe_lite", "minimax_m2", "kimi_k2_5",
                                             "deepseek_v3_2", "glm_5",      "longcat_flash"};
  if (pedigree == "deepseek_v4") return {K::kNormLinear, K::kUpDown};
  static const std::set<std::string> kAttention = {"glm4_moe", "kimi_k2"};
  if (algorithm == SmoothAlgorithm::kSmoothQuant) return {K::kNormLinear};
  if (kAll.count(pedigree) > 0) return {K::kNormLinear, K::kOv, K::kUpDown};
  if (kAttention.count(pedigree) > 0) return {K::kNormLinear, K::kOv};
  if (pedigree == "qwq" && algorithm == SmoothAlgorithm::kIterSmooth)
    return {K::kNormLinear, K::kUpDown};
  return {K::kNormLinear};
}

bool declares_source(const std::string& pedigree, SmoothAlgorithm algorithm,
                     const std::string& source, bool mtp) {
  static const std::set<std::string> kAttentionNorms = {
      "qwen3_moe",     "deepseek_v3", "kimi_k2",       "kimi_k2_5", "glm4_moe",
      "glm4_moe_lite", "minimax_m2",  "deepseek_v3_2", "glm_5"};
  if (algorithm == SmoothAlgorithm::kSmoothQuant || kAttentionNorms.count(pedigree) == 0)
    return true;
  const bool mtp_too = pedigree == "glm4_moe" || pedigree == "deepseek_v3_2" || pedigree == "glm_5";
  return !source.ends_with(".post_attention_layernorm") && (mtp_too || !mtp);
}

bool has_shifted_heads(const std::string& pedigree) {
  static const std::set<std::string> kShifted = {"qwq", "qwen3_moe", "qwen3_vl", "qwen3_vl_moe",
                                                 "glm4_moe"};
  return kShifted.count(pedigree) > 0;
}

std::set<SubgraphKind> declared_awq_subgraphs(const std::string& pedigree) {
  using K = SubgraphKind;
  if (pedigree == "qwen3") return {K::kNormLinear, K::kOv, K::kUpDown};
  return {K::kNormLinear, K::kUpDown};
}

std::set<SubgraphKind> enabled_subgraphs(const std::set<std::string>& names,
                                         const std::set<SubgraphKind>& declared) {
  std::set<SubgraphKind> enabled;
  std::copy_if(declared.begin(), declared.end(), std::inserter(enabled, enabled.end()),
               [&](SubgraphKind kind) { return names.count(subgraph_kind_name(kind)) > 0; });
  return enabled;
}

}  // namespace msmodelslim
