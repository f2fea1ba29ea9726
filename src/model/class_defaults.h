#pragma once
// What a family takes for keys that its config.json leaves out.

#include "base/json.h"

namespace msmodelslim {

// Adds those that are not what most families take; keys that are there stay, null ones too.
void add_class_defaults(Json& config);

}  // namespace msmodelslim
