#pragma once
// How a checkpoint names the parts of its language model. Models that also see or hear wrap it.

#include <string>

#include "checkpoint/reader.h"

namespace msmodelslim {

struct TensorNames {
  std::string prefix = "model.";  // of "layers.0", "embed_tokens" and "norm"
  std::string head = "lm_head";
};

TensorNames tensor_names(const CheckpointReader& checkpoint);

}  // namespace msmodelslim
