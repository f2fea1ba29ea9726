#pragma once
// Whether a checkpoint holds what its config.json promises.

#include "checkpoint/reader.h"
#include "model/spec.h"

namespace msmodelslim {

// Of a model with a forward pass: every tensor that the spec names is in the checkpoint with the
// right shape and a float dtype. Throws one DataError that lists what is wrong (at most a dozen
// tensors).
void check_checkpoint(const ModelSpec& spec, const CheckpointReader& checkpoint);

}  // namespace msmodelslim
