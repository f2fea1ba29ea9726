#include "model/families/moe_rows.h"

#include <array>

namespace msmodelslim {
namespace {

// The DeepSeek-V3 line.
constexpr const char* kGateBias = "gate.e_score_correction_bias";

constexpr MoeRow deepseek_row(const char* model_type) {
  return {model_type,
          "mlp",
          kLlamaMlp,
          MoeLayers::kFirstDense,
          "n_routed_experts",
          "moe_intermediate_size",
          nullptr,
          "n_shared_experts",
          "shared_experts",
          false,
          false,
          kGateBias,
          RouterScore::kSigmoid,
          Rule::kConfig,
          true};
}

}  // namespace

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
             nullptr,
             S::kSoftmax,
             Rule::kAlways,
             true},
      MoeRow{"minimax_m2",
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
             "e_score_correction_bias",
             S::kSigmoid,
             Rule::kAlways,
             true},
      MoeRow{"deepseek_v2", "mlp", kLlamaMlp, L::kFirstDense, "n_routed_experts",
             "moe_intermediate_size", nullptr, "n_shared_experts", "shared_experts", false, false,
             nullptr, S::kSoftmax, Rule::kConfig, false},
      MoeRow{"qwen3_next", "mlp", kLlamaMlp, L::kSparseStep, "num_experts", "moe_intermediate_size",
             "shared_expert_intermediate_size", nullptr, "shared_expert", true, true, nullptr,
             S::kSoftmax, Rule::kConfig, true},
      MoeRow{"qwen3_5_moe_text", "mlp", kLlamaMlp, L::kAll, "num_experts", "moe_intermediate_size",
             "shared_expert_intermediate_size", nullptr, "shared_expert", true, true, nullptr,
             S::kSoftmax, Rule::kAlways, true},
      // The softmax of the chosen experts' logits is that of all, divided by its sum.
      MoeRow{"gpt_oss", "mlp", kLlamaMlp, L::kAll, "num_local_experts", "intermediate_size",
             nullptr, nullptr, nullptr, false, false, nullptr, S::kSoftmax, Rule::kAlways, true,
             "router", true, Activation::kClampedSwish},
      MoeRow{"olmoe", "mlp", kLlamaMlp, L::kAll, "num_experts", "intermediate_size", nullptr,
             nullptr, nullptr, false, true, nullptr, S::kSoftmax, Rule::kConfig, false},
      MoeRow{"hunyuan_v1_moe", "mlp", kLlamaMlp, L::kAll, "num_experts", "moe_intermediate_size",
             "shared_width", nullptr, "shared_mlp", false, false, nullptr, S::kSoftmax,
             Rule::kAlways, true, "gate.wg"},
      MoeRow{"step3p5", "moe", kLlamaMlp, L::kFirstDense, "moe_num_experts",
             "moe_intermediate_size", "share_expert_dim", nullptr, "share_expert", false, false,
             "router_bias", S::kSigmoid, Rule::kAlways, true, "gate", false, Activation::kSilu,
             true},
      MoeRow{"deepseek_v4",
             "ffn",
             {"w1", "w3", "w2"},
             L::kAll,
             "n_routed_experts",
             "moe_intermediate_size",
             nullptr,
             "n_shared_experts",
             "shared_experts",
             false,
             false,
             "gate.bias",
             S::kRootSoftplus,
             Rule::kAlways,
             true,
             "gate",
             false,
             Activation::kClampedSilu},
      MoeRow{"longcat_flash", "mlp", kLlamaMlp, L::kAll, "n_routed_experts",
             "moe_intermediate_size", nullptr, nullptr, nullptr, false, false,
             "router.e_score_correction_bias", S::kSoftmax, Rule::kNever, false,
             "router.classifier"},
      MoeRow{"qwen2_moe", "mlp", kLlamaMlp, L::kSparseStep, "num_experts", "moe_intermediate_size",
             "shared_expert_intermediate_size", nullptr, "shared_expert", true, true, nullptr,
             S::kSoftmax, Rule::kConfig, false},
      MoeRow{"qwen3_moe", "mlp", kLlamaMlp, L::kSparseStep, "num_experts", "moe_intermediate_size",
             nullptr, nullptr, nullptr, false, true, nullptr, S::kSoftmax, Rule::kConfig, false},
      deepseek_row("glm4_moe"),
      deepseek_row("deepseek_v3"),
      deepseek_row("kimi_k2"),
      deepseek_row("glm4_moe_lite"),
      deepseek_row("deepseek_v32"),
      deepseek_row("glm_moe_dsa"),
  };
  for (const MoeRow& row : rows)
    if (model_type == row.model_type) return &row;
  return nullptr;
}

}  // namespace msmodelslim
