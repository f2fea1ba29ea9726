#pragma once
// Keys that families name in their own way, under the names that most have.

#include "base/json.h"

namespace msmodelslim {

// Adds the usual keys of config.json beside the family's own, as `model_type` says; keys that are
// there stay.
void add_usual_keys(Json& config);

}  // namespace msmodelslim
