#pragma once
// Template source to its tree.

#include <string>

#include "text/jinja/ast.h"

namespace msmodelslim::jinja {

// `source` must be valid UTF-8. Throws SyntaxError.
Body parse(std::string source);

}  // namespace msmodelslim::jinja
