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

// The dtype that config.json declares (`torch_dtype` or `dtype`), if it names one that we know.
std::optional<DType> declared_dtype(const ModelConfig& config);

}  // namespace msmodelslim
