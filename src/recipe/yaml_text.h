#pragma once
// How PyYAML's emitter writes one string: plain, in single quotes, or in double quotes.

#include <cstddef>
#include <string>

namespace msmodelslim {

// True when the string may stand before a colon on one line.
bool is_simple_key(const std::string& text);
std::string key_text(const std::string& text);

// The value's text when it begins at `column`; lines behind column 80 are broken at a blank and
// continued at `indent`.
std::string wrapped_text(const std::string& text, std::size_t column, std::size_t indent);

}  // namespace msmodelslim
