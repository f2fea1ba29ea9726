#pragma once
// How the families with experts name, count and choose them: one table row each (reference: models
// 2.9).

#include <string>

#include "model/families/families.h"
#include "model/spec.h"

namespace msmodelslim {

enum class MoeLayers {
  kAll,
  kSparseStep,  // (layer + 1) % decoder_sparse_step == 0, none of mlp_only_layers
  kFirstDense,  // layer >= first_k_dense_replace and layer % moe_layer_freq == 0
};

struct MlpNames {
  const char* gate;
  const char* up;
  const char* down;
};
inline constexpr MlpNames kLlamaMlp = {"gate_proj", "up_proj", "down_proj"};

struct MoeRow {
  const char* model_type;
  const char* module;  // in the block
  MlpNames expert;
  MoeLayers layers;
  // Keys of config.json.
  const char* experts;
  const char* inner;            // width of an expert
  const char* shared_width;     // of the shared expert, or null
  const char* shared_count;     // shared experts of `inner` width, side by side, or null
  const char* shared;           // its module, or null
  bool shared_gate;             // "<shared>_gate" weighs it
  bool router_is_linear;        // see MoeSpec
  const char* correction_bias;  // tensor in the module, or null
  RouterScore score;
  Rule normalize;  // kConfig: norm_topk_prob
  bool normalize_default;
  const char* router = "gate";
  bool bias = false;  // of the router and of the experts
  Activation activation = Activation::kSilu;
  bool shared_beside = false;  // the shared expert's module is in the block
};

// nullptr for families without experts.
const MoeRow* find_moe_row(const std::string& model_type);

}  // namespace msmodelslim
