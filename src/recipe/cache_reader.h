#pragma once
// The processor entries about the KV cache. Used by read_steps() only.

#include "recipe/plan_reader.h"

namespace msmodelslim {

DynamicCacheStep read_dynamic_cache(Fields& fields, NameFilter filter, int line,
                                    ReadContext context);
KvSmoothStep read_kv_smooth(Fields& fields, NameFilter filter);

}  // namespace msmodelslim
