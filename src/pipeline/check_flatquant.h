#pragma once
// What a flatquant entry and the entries around it must not ask for.

#include "pipeline/quantize_model.h"

namespace msmodelslim {

// Throws UsageError.
void check_flatquant(const QuantJob& job, const ModelSpec& model);

}  // namespace msmodelslim
