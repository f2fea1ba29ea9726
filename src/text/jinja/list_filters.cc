// Filters that pick, change or make items.

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/strings.h"

namespace msmodelslim::jinja {
namespace {

Value length_of(const FilterCall& call) {
  call.parameters({});
  return length(call.input);
}

Value default_value(const FilterCall& call) {
  const Parameters given = call.parameters({"default_value", "boolean"});
  const bool missing = call.input.is_undefined() || (given.flag(1, false) && !call.input.truth());
  return missing ? given.at(0, "") : call.input;
}

Value first(const FilterCall& call) {
  call.parameters({});
  if (Iterator* iterator = call.input.iterator();
      iterator && iterator->next < iterator->items.size())
    return iterator->items[iterator->next++];
  const List items = iterate(call.input, call.budget);
  return items.empty() ? Value::undefined("the first item of an empty list") : items.front();
}

Value last(const FilterCall& call) {
  call.parameters({});
  if (call.input.iterator())
    throw Failure("last does not work on the result of a filter; make a list of it first");
  const List items = iterate(call.input, call.budget);
  return items.empty() ? Value::undefined("the last item of an empty list") : items.back();
}

Value to_list(const FilterCall& call) {
  call.parameters({});
  return iterate(call.input, call.budget);
}

Value items(const FilterCall& call) {
  call.parameters({});
  if (call.input.is_undefined()) return Value::iterator({});
  if (!call.input.is_dict())
    throw Failure(fmt::format("items needs a dict, not a {}", call.input.type_name()));
  List pairs;
  for (const auto& [key, value] : call.input.dict().items())
    pairs.push_back(Value::tuple({key, value}));
  return Value::iterator(std::move(pairs));
}

Value reverse(const FilterCall& call) {
  call.parameters({});
  List items = iterate(call.input, call.budget);
  std::reverse(items.begin(), items.end());
  if (!call.input.is_string()) return Value::iterator(std::move(items));
  std::string text;
  for (const Value& character : items) text += character.text();
  return text;
}

// What map and select go through; nothing at all for none, 0 and the like.
List items_of(const FilterCall& call) {
  return call.input.truth() ? iterate(call.input, call.budget) : List();
}

// The arguments behind the first `count`.
CallArguments without_first(const CallArguments& arguments, std::size_t count) {
  CallArguments rest = arguments;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(count));
  return rest;
}

const std::string& name_argument(const FilterCall& call, std::size_t i, const char* what) {
  const List& given = call.arguments.positional;
  if (i >= given.size() || !given[i].is_string())
    throw Failure(fmt::format("{} needs the name of {}", call.function, what));
  return given[i].text();
}

Value map_attribute(const FilterCall& call) {
  const Parameters given = call.parameters({"attribute", "default"});
  List out;
  for (const Value& item : items_of(call)) {
    Value value = attribute_of(item, given.at(0), call.budget);
    if (value.is_undefined() && given.has_value(1)) value = given.at(1);
    out.push_back(std::move(value));
  }
  return Value::iterator(std::move(out));
}

// map("filter", arguments...) or map(attribute="name", default=...)
Value map(const FilterCall& call) {
  const auto& named = call.arguments.named;
  const bool by_attribute =
      call.arguments.positional.empty() &&
      std::any_of(named.begin(), named.end(), [](const auto& a) { return a.first == "attribute"; });
  if (by_attribute) return map_attribute(call);
  const std::string& filter = name_argument(call, 0, "a filter");
  const CallArguments rest = without_first(call.arguments, 1);
  List out;
  for (const Value& item : items_of(call))
    out.push_back(apply_filter(filter, item, rest, call.budget));
  return Value::iterator(std::move(out));
}

// Items for which a test holds; without a test, those that are true.
template <bool by_attribute, bool wanted>
Value select(const FilterCall& call) {
  const std::size_t own = by_attribute ? 1 : 0;
  const Value attribute = by_attribute ? name_argument(call, 0, "an attribute") : Value();
  const bool has_test = call.arguments.positional.size() > own;
  const std::string test = has_test ? name_argument(call, own, "a test") : "";
  const CallArguments rest = has_test ? without_first(call.arguments, own + 1) : CallArguments();
  List out;
  for (const Value& item : items_of(call)) {
    call.budget.steps(1);
    const Value value = attribute_of(item, attribute, call.budget);
    const bool holds = has_test ? apply_test(test, value, rest, call.budget) : value.truth();
    if (holds == wanted) out.push_back(item);
  }
  return Value::iterator(std::move(out));
}

}  // namespace

const FilterTable& list_filters() {
  static const FilterTable table = {
      {"length", length_of},
      {"count", length_of},
      {"default", default_value},
      {"d", default_value},
      {"first", first},
      {"last", last},
      {"list", to_list},
      {"items", items},
      {"reverse", reverse},
      {"map", map},
      {"select", select<false, true>},
      {"reject", select<false, false>},
      {"selectattr", select<true, true>},
      {"rejectattr", select<true, false>},
  };
  return table;
}

}  // namespace msmodelslim::jinja
