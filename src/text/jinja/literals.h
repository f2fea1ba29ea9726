#pragma once
// The strings and numbers of a template, as in Python.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace msmodelslim::jinja {

// What the text between the quotes stands for. `line` is for SyntaxError, here and below.
std::string unescape(std::string_view inner, int line);

struct NumberLiteral {
  std::variant<std::int64_t, double> value;
  std::size_t length;  // in the source
};

// The number at the start of `text`, which begins with a digit. Behind a dot it is an index, and
// a dot ends it.
NumberLiteral read_number(std::string_view text, bool after_dot, int line);

}  // namespace msmodelslim::jinja
