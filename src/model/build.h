#pragma once
// config.json + family table -> ModelSpec.

#include "checkpoint/reader.h"
#include "model/config.h"
#include "model/spec.h"

namespace msmodelslim {

// Throws DataError for an unknown family (lists the known ones) or an impossible config.
// `tied` is decided by the checkpoint: a file without lm_head.weight ties the head.
ModelSpec build_model_spec(const ModelConfig& config, const CheckpointReader& checkpoint);

// The same, but an architecture without a forward pass gives the linears that its tensors show
// (see by_tensors.h) and the reason.
ModelSpec build_any_spec(const ModelConfig& config, const CheckpointReader& checkpoint);

// Of a model with a forward pass: every tensor that the spec names is in the checkpoint with the
// right shape and a float dtype. Throws one DataError that lists what is wrong (at most a dozen
// tensors).
void check_checkpoint(const ModelSpec& spec, const CheckpointReader& checkpoint);

// The dtype that config.json declares (`torch_dtype` or `dtype`), if it names one that we know.
std::optional<DType> declared_dtype(const ModelConfig& config);

}  // namespace msmodelslim
