#include "model/tensor_names.h"

#include <array>

namespace msmodelslim {

TensorNames tensor_names(const CheckpointReader& checkpoint) {
  static const std::array<TensorNames, 6> known = {
      {{"model.", "lm_head"},
       {"model.language_model.", "lm_head"},
       {"language_model.model.", "language_model.lm_head"},
       {"model.text_model.", "lm_head"},
       {"thinker.model.", "thinker.lm_head"},
       {"", "lm_head"}}};
  for (const TensorNames& names : known)
    if (checkpoint.has(names.prefix + "embed_tokens.weight")) return names;
  return known.front();
}

}  // namespace msmodelslim
