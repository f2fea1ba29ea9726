#pragma once
// DeepSeek-V4's keys, as the published files and as transformers write them, under the usual names.

#include "base/json.h"

namespace msmodelslim {

// Throws DataError for a kind of layer that has no ratio.
void add_deepseek_v4_keys(Json& config);

}  // namespace msmodelslim
