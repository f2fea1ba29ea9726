#pragma once
// config.json -> EntryAttentionSpec and HyperSpec.

#include "model/config.h"
#include "model/spec.h"

namespace msmodelslim {

// `block` is the name of the layer's modules' parent, `attention` that of its attention. Throws
// DataError for sizes that do not fit together.
EntryAttentionSpec build_entries(const ModelConfig& config, const ModelSpec& model,
                                 std::int64_t layer, const std::string& attention, double eps);

// Of a block's attention or MLP, or of the head: tensors "<name>_fn", "_base", "_scale". Nothing
// for models with one stream.
std::optional<HyperSpec> build_hyper(const ModelConfig& config, const std::string& name,
                                     double eps);

}  // namespace msmodelslim
