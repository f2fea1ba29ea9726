#pragma once
// The processor entries about the KV cache and attention. Used by read_steps() only.

#include "recipe/plan_reader.h"

namespace msmodelslim {

DynamicCacheStep read_dynamic_cache(Fields& fields, NameFilter filter, int line,
                                    ReadContext context);
KvSmoothStep read_kv_smooth(Fields& fields, NameFilter filter);
// fa3_reader.cc
Fa3QuantStep read_fa3_quant(Fields& fields, NameFilter filter, int line, ReadContext context);

}  // namespace msmodelslim
