#pragma once
// JSON from outside as a value of a template.

#include "base/json.h"
#include "text/jinja/value.h"

namespace msmodelslim::jinja {

// Throws Failure for an integer beyond 64 bits and for nesting that is too deep.
Value from_json(const Json& json);

}  // namespace msmodelslim::jinja
