#include "text/jinja/filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/strings.h"

namespace msmodelslim::jinja {
namespace {

FilterFunction find_filter(const std::string& name) {
  for (const FilterTable* table :
       {&text_filters(), &number_filters(), &list_filters(), &order_filters()}) {
    const auto found = table->find(name);
    if (found != table->end()) return found->second;
  }
  return nullptr;
}

// One part of "a.b.0": a name, or a number for a list.
Value path_part(std::string part) {
  std::int64_t index = 0;
  const char* end = part.data() + part.size();
  const auto [stop, error] = std::from_chars(part.data(), end, index);
  if (error == std::errc() && stop == end && index >= 0 && part[0] != '-') return index;
  return part;
}

}  // namespace

Parameters FilterCall::parameters(std::initializer_list<const char*> names) const {
  return Parameters(function, arguments, names);
}

std::string FilterCall::text() const {
  if (!input.is_string()) budget.look(input.extent().weight);
  return str(input);
}

bool has_filter(const std::string& name) { return find_filter(name) != nullptr; }

Value apply_filter(const std::string& name, const Value& input, const CallArguments& arguments,
                   Budget& budget) {
  const FilterFunction filter = find_filter(name);
  if (!filter) throw Failure(fmt::format("the filter '{}' is not known", name));
  budget.look(input.width());
  Value result = filter({input, "the filter " + name, arguments, budget});
  budget.bytes(static_cast<std::size_t>(result.width()));
  return result;
}

Value attribute_of(const Value& item, const Value& attribute, Budget& budget) {
  if (attribute.is_none()) return item;
  if (!attribute.is_string()) return get_item(item, attribute, budget);
  Value value = item;
  for (std::string& part : split(attribute.text(), ".", -1, /*from_right=*/false))
    value = get_item(value, path_part(std::move(part)), budget);
  return value;
}

Value comparison_key(const Value& value, bool case_sensitive) {
  return value.is_string() && !case_sensitive ? Value(lower(value.text())) : value;
}

}  // namespace msmodelslim::jinja
