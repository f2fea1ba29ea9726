#include "text/jinja/arguments.h"

#include <fmt/format.h>

#include <algorithm>

namespace msmodelslim::jinja {

Parameters::Parameters(std::string function, const CallArguments& arguments,
                       std::initializer_list<const char*> names)
    : function_(std::move(function)), names_(names.begin(), names.end()), values_(names.size()) {
  if (arguments.positional.size() > names_.size())
    throw Failure(fmt::format("{} takes at most {} arguments, but got {}", function_, names_.size(),
                              arguments.positional.size()));
  std::copy(arguments.positional.begin(), arguments.positional.end(), values_.begin());
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end())
      throw Failure(fmt::format("{} has no argument named '{}'", function_, name));
    auto& place = values_[static_cast<std::size_t>(found - names_.begin())];
    if (place) throw Failure(fmt::format("{} got its argument '{}' twice", function_, name));
    place = value;
  }
}

const Value& Parameters::at(std::size_t i) const {
  if (!values_[i]) throw Failure(fmt::format("{} needs the argument '{}'", function_, names_[i]));
  return *values_[i];
}

Value Parameters::at(std::size_t i, Value fallback) const {
  return values_[i] ? *values_[i] : std::move(fallback);
}

bool Parameters::flag(std::size_t i, bool fallback) const {
  return values_[i] ? values_[i]->truth() : fallback;
}

std::int64_t Parameters::integer(std::size_t i) const {
  const auto number = at(i).integer();
  if (!number) wrong(i, "an integer");
  return *number;
}

std::int64_t Parameters::integer(std::size_t i, std::int64_t fallback) const {
  return has_value(i) ? integer(i) : fallback;
}

const std::string& Parameters::text(std::size_t i) const {
  if (!at(i).is_string()) wrong(i, "a string");
  return at(i).text();
}

std::optional<std::string> Parameters::optional_text(std::size_t i) const {
  return has_value(i) ? std::optional(text(i)) : std::nullopt;
}

void Parameters::wrong(std::size_t i, const char* expected) const {
  if (values_[i]->is_undefined()) throw Failure(values_[i]->why_undefined());
  throw Failure(fmt::format("the argument '{}' of {} must be {}, not of type {}", names_[i],
                            function_, expected, values_[i]->type_name()));
}

}  // namespace msmodelslim::jinja
