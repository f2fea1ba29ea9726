#pragma once
// The methods of strings, by name.

#include <functional>
#include <map>
#include <string>

#include "text/jinja/arguments.h"
#include "text/jinja/value.h"

namespace msmodelslim::jinja {

struct MethodCall {
  const Value& self;
  std::string function;  // for messages: "strip()"
  const CallArguments& arguments;
  Budget& budget;

  Parameters parameters(std::initializer_list<const char*> names) const;
};

using Method = Value (*)(const MethodCall& call);

const std::map<std::string, Method, std::less<>>& string_methods();

}  // namespace msmodelslim::jinja
