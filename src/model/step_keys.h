#pragma once
// Step-3.5's keys of config.json under the usual names.

#include "base/json.h"

namespace msmodelslim {

// Adds the usual keys to `config`. Lists with one entry for each layer become what they say of the
// two kinds of layers; those of the two kinds of RoPE are taken out. Throws DataError where layers
// of one kind differ.
void add_step_keys(Json& config);

}  // namespace msmodelslim
