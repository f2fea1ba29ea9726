#include "pipeline/adapter.h"

namespace msmodelslim {

std::set<SubgraphKind> declared_subgraphs(const std::string& pedigree, SmoothAlgorithm algorithm) {
  using K = SubgraphKind;
  if (algorithm == SmoothAlgorithm::kSmoothQuant) return {K::kNormLinear};
  if (pedigree == "qwen3") return {K::kNormLinear, K::kOv, K::kUpDown};
  if (pedigree == "qwq" && algorithm == SmoothAlgorithm::kIterSmooth)
    return {K::kNormLinear, K::kUpDown};
  return {K::kNormLinear};
}

bool has_shifted_heads(const std::string& pedigree) {
  static const std::set<std::string> kShifted = {"qwq", "qwen3_moe", "qwen3_vl", "qwen3_vl_moe",
                                                 "glm4_moe"};
  return kShifted.count(pedigree) > 0;
}

}  // namespace msmodelslim
