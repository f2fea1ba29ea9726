#pragma once
// Backslashes in the strings of a template.

#include <string>
#include <string_view>

namespace msmodelslim::jinja {

// What the text between the quotes stands for, as in Python. `line` is for SyntaxError.
std::string unescape(std::string_view inner, int line);

}  // namespace msmodelslim::jinja
