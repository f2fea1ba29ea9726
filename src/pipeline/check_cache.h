#pragma once
// Entries about the KV cache must come in an order in which their results stay true.

#include "pipeline/quantize_model.h"

namespace msmodelslim {

// One UsageError when an entry that changes keys or values stands behind (or in a group with) the
// dynamic_cache that measured them, or kv_smooth behind the linear_quant of its weights. Warns
// about an asymmetric cache, whose offset engines may ignore.
void check_cache_order(const QuantJob& job, const ModelSpec& model);

}  // namespace msmodelslim
