#pragma once
// Values as text: what {{ ... }} prints, Python's repr(), and JSON as json.dumps() writes it.

#include <optional>
#include <string>

#include "text/jinja/value.h"

namespace msmodelslim::jinja {

std::string str(const Value& value);
std::string repr(const Value& value);

struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string> indent;  // of one level; without it everything is on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};

std::string to_json(const Value& value, const JsonStyle& style);

}  // namespace msmodelslim::jinja
