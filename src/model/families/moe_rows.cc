#include "model/families/moe_rows.h"

#include <array>

namespace msmodelslim {

const MoeRow* find_moe_row(const std::string& model_type) {
  using L = MoeLayers;
  using S = RouterScore;
  static const std::array rows = {
      MoeRow{"mixtral",
             "block_sparse_moe",
             {"w1", "w3", "w2"},
             L::kAll,
             "num_local_experts",
             "intermediate_size",
             nullptr,
             nullptr,
             nullptr,
             false,
             true,
             false,
             S::kSoftmax,
             Rule::kAlways,
             true},
      MoeRow{"qwen2_moe", "mlp", kLlamaMlp, L::kSparseStep, "num_experts", "moe_intermediate_size",
             "shared_expert_intermediate_size", nullptr, "shared_expert", true, true, false,
             S::kSoftmax, Rule::kConfig, false},
      MoeRow{"qwen3_moe", "mlp", kLlamaMlp, L::kSparseStep, "num_experts", "moe_intermediate_size",
             nullptr, nullptr, nullptr, false, true, false, S::kSoftmax, Rule::kConfig, false},
  };
  for (const MoeRow& row : rows)
    if (model_type == row.model_type) return &row;
  return nullptr;
}

}  // namespace msmodelslim
