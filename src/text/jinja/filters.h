#pragma once
// value | filter(arguments) and value is test(arguments), by name.

#include <map>
#include <string>

#include "text/jinja/arguments.h"
#include "text/jinja/value.h"

namespace msmodelslim::jinja {

struct FilterCall {
  const Value& input;
  std::string function;  // for messages: "the filter join"
  const CallArguments& arguments;
  Budget& budget;

  Parameters parameters(std::initializer_list<const char*> names) const;
  // The input as text; what is printed for other kinds.
  std::string text() const;
};

using FilterFunction = Value (*)(const FilterCall& call);
using FilterTable = std::map<std::string, FilterFunction, std::less<>>;

// Both throw Failure for an unknown name.
Value apply_filter(const std::string& name, const Value& input, const CallArguments& arguments,
                   Budget& budget);
bool apply_test(const std::string& name, const Value& input, const CallArguments& arguments,
                Budget& budget);

bool has_filter(const std::string& name);
bool has_test(const std::string& name);

// The filters of each file.
const FilterTable& text_filters();
const FilterTable& number_filters();
const FilterTable& list_filters();
const FilterTable& order_filters();

// item.a.b for the attribute "a.b" of filters such as map; the item itself without a name.
Value attribute_of(const Value& item, const Value& attribute, Budget& budget);

// The value that text is compared by: without regard to case unless `case_sensitive`.
Value comparison_key(const Value& value, bool case_sensitive);

}  // namespace msmodelslim::jinja
