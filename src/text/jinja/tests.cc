// value is test(arguments)

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/strings.h"

namespace msmodelslim::jinja {
namespace {

using TestFunction = bool (*)(const FilterCall& call);

template <bool (*check)(const Value&)>
bool plain(const FilterCall& call) {
  call.parameters({});
  return check(call.input);
}

bool is_defined(const Value& value) { return !value.is_undefined(); }
bool is_undefined(const Value& value) { return value.is_undefined(); }
bool is_none(const Value& value) { return value.is_none(); }
bool is_boolean(const Value& value) { return value.is_bool(); }
bool is_true(const Value& value) { return value.is_bool() && value.truth(); }
bool is_false(const Value& value) { return value.is_bool() && !value.truth(); }
bool is_integer(const Value& value) { return value.is_integer(); }
bool is_float(const Value& value) { return value.is_float(); }
bool is_number(const Value& value) { return value.is_number(); }
bool is_string(const Value& value) { return value.is_string(); }
bool is_escaped(const Value& value) { return value.is_markup(); }
bool is_mapping(const Value& value) { return value.is_dict(); }
bool is_known_filter(const Value& value) { return value.is_string() && has_filter(value.text()); }
bool is_known_test(const Value& value) { return value.is_string() && has_test(value.text()); }

// An undefined value counts as something to call and as an empty sequence.
bool is_callable(const Value& value) {
  return value.is_undefined() || (value.object() && value.object()->callable());
}

bool is_iterable(const Value& value) {
  return value.is_string() || value.is_dict() || value.sequence() || value.iterator() ||
         value.is_undefined();
}

bool is_sequence(const Value& value) {
  return value.is_string() || value.is_dict() || value.is_undefined() ||
         (value.sequence() && value.sequence()->has_index());
}

Value remainder(const FilterCall& call, const Value& by) {
  return arithmetic(Arithmetic::kModulo, call.input, by, call.budget);
}

bool is_lower_case(const FilterCall& call) {
  call.parameters({});
  return is_lower(call.text());
}

bool is_upper_case(const FilterCall& call) {
  call.parameters({});
  return is_upper(call.text());
}

bool is_odd(const FilterCall& call) {
  call.parameters({});
  return equal(remainder(call, 2), 1);
}

bool is_even(const FilterCall& call) {
  call.parameters({});
  return equal(remainder(call, 2), 0);
}

bool is_divisible(const FilterCall& call) {
  return equal(remainder(call, call.parameters({"num"}).at(0)), 0);
}

bool is_in(const FilterCall& call) {
  return contains(call.parameters({"seq"}).at(0), call.input, call.budget);
}

Value other(const FilterCall& call) {
  Value value = call.parameters({"other"}).at(0);
  call.budget.look(std::min(value.extent().weight, call.input.extent().weight));
  return value;
}

// `is` of Python, for what can be told apart: True is not 1, and no other value of a kind is alike.
bool is_same(const FilterCall& call) {
  const Value value = other(call);
  return std::string_view(value.type_name()) == call.input.type_name() && equal(value, call.input);
}

bool is_equal(const FilterCall& call) { return equal(call.input, other(call)); }
bool is_unequal(const FilterCall& call) { return !equal(call.input, other(call)); }
bool is_less(const FilterCall& call) { return less(call.input, other(call)); }
bool is_greater(const FilterCall& call) { return less(other(call), call.input); }

bool is_less_or_equal(const FilterCall& call) { return less_or_equal(call.input, other(call)); }
bool is_greater_or_equal(const FilterCall& call) { return less_or_equal(other(call), call.input); }

using TestTable = std::map<std::string, TestFunction, std::less<>>;

const TestTable& tests() {
  static const TestTable table = {
      {"defined", plain<is_defined>},
      {"undefined", plain<is_undefined>},
      {"none", plain<is_none>},
      {"boolean", plain<is_boolean>},
      {"true", plain<is_true>},
      {"false", plain<is_false>},
      {"integer", plain<is_integer>},
      {"float", plain<is_float>},
      {"number", plain<is_number>},
      {"string", plain<is_string>},
      {"escaped", plain<is_escaped>},
      {"mapping", plain<is_mapping>},
      {"iterable", plain<is_iterable>},
      {"sequence", plain<is_sequence>},
      {"callable", plain<is_callable>},
      {"lower", is_lower_case},
      {"upper", is_upper_case},
      {"filter", plain<is_known_filter>},
      {"test", plain<is_known_test>},
      {"odd", is_odd},
      {"even", is_even},
      {"divisibleby", is_divisible},
      {"in", is_in},
      {"sameas", is_same},
      {"==", is_equal},
      {"eq", is_equal},
      {"equalto", is_equal},
      {"!=", is_unequal},
      {"ne", is_unequal},
      {"<", is_less},
      {"lt", is_less},
      {"lessthan", is_less},
      {"<=", is_less_or_equal},
      {"le", is_less_or_equal},
      {">", is_greater},
      {"gt", is_greater},
      {"greaterthan", is_greater},
      {">=", is_greater_or_equal},
      {"ge", is_greater_or_equal},
  };
  return table;
}

}  // namespace

bool has_test(const std::string& name) { return tests().contains(name); }

bool apply_test(const std::string& name, const Value& input, const CallArguments& arguments,
                Budget& budget) {
  const auto found = tests().find(name);
  if (found == tests().end()) throw Failure(fmt::format("the test '{}' is not known", name));
  return found->second({input, "the test " + name, arguments, budget});
}

}  // namespace msmodelslim::jinja
