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

}  // namespace msmodelslim
