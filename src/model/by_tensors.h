#pragma once
// The linears of an architecture that has no forward pass here, by the names and shapes of its
// tensors (reference: models 7): a matrix X.weight inside a numbered layer that is no embedding,
// head, router, norm, convolution, and no part of a tower for images or sounds.

#include "checkpoint/reader.h"
#include "model/config.h"
#include "model/spec.h"

namespace msmodelslim {

// `obstacle`: why there is no forward pass.
ModelSpec spec_by_tensors(const ModelConfig& config, const CheckpointReader& checkpoint,
                          const std::string& obstacle);

}  // namespace msmodelslim
