#pragma once
// The arguments of one call, matched with the names of the parameters.

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "text/jinja/value.h"

namespace msmodelslim::jinja {

class Parameters {
 public:
  // Throws Failure when there are too many arguments, or one has an unknown name or comes twice.
  // `function` is how messages name what is called.
  Parameters(std::string function, const CallArguments& arguments,
             std::initializer_list<const char*> names);

  // By place in the list of names. A missing argument without a fallback throws Failure.
  bool has(std::size_t i) const { return values_[i].has_value(); }
  bool has_value(std::size_t i) const { return has(i) && !values_[i]->is_none(); }
  const Value& at(std::size_t i) const;
  Value at(std::size_t i, Value fallback) const;
  bool flag(std::size_t i, bool fallback) const;
  std::int64_t integer(std::size_t i) const;
  std::int64_t integer(std::size_t i, std::int64_t fallback) const;
  const std::string& text(std::size_t i) const;
  // Nothing when it is missing or None.
  std::optional<std::string> optional_text(std::size_t i) const;

 private:
  [[noreturn]] void wrong(std::size_t i, const char* expected) const;

  std::string function_;
  std::vector<std::string> names_;
  std::vector<std::optional<Value>> values_;
};

}  // namespace msmodelslim::jinja
