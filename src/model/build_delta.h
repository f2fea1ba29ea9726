#pragma once
// config.json -> DeltaSpec.

#include "model/config.h"
#include "model/spec.h"

namespace msmodelslim {

// Nothing where the layer has attention. Throws DataError for sizes that do not fit together.
std::optional<DeltaSpec> build_delta(const ModelConfig& config, const std::string& block,
                                     std::int64_t layer, std::int64_t hidden, double eps);

}  // namespace msmodelslim
