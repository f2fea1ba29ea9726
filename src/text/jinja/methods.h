#pragma once
// The methods of strings, dicts and lists that do not change them.

#include <optional>
#include <string>

#include "text/jinja/value.h"

namespace msmodelslim::jinja {

// The method of that name bound to `value`, as a value that can be called.
std::optional<Value> find_method(const Value& value, const std::string& name);

// Python has a method of that name, but it changes the value: templates must not use it.
bool is_changing_method(const Value& value, const std::string& name);

}  // namespace msmodelslim::jinja
