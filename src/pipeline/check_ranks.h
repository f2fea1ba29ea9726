#pragma once
// Ranks on several machines see several file systems and processors.

#include "pipeline/quantize_model.h"

namespace msmodelslim {

// Throws UsageError on all ranks when one of them has another program, model, recipe, option,
// calibration set or kind of processor than rank 0. Collective.
void check_ranks(const QuantJob& job);

}  // namespace msmodelslim
