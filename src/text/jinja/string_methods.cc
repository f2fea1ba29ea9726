#include "text/jinja/string_methods.h"

#include <fmt/format.h>
#include <unicode/uchar.h>

#include <algorithm>

#include "text/jinja/operators.h"
#include "text/jinja/strings.h"
#include "text/utf8.h"

namespace msmodelslim::jinja {
namespace {

const std::string& self(const MethodCall& call) { return call.self.text(); }

template <std::string (*change)(std::string_view)>
Value changed(const MethodCall& call) {
  call.parameters({});
  return change(self(call));
}

template <bool left, bool right>
Value stripped(const MethodCall& call) {
  const auto chars = call.parameters({"chars"}).optional_text(0);
  return strip(self(call), {.left = left, .right = right}, chars);
}

Value to_list(std::vector<std::string> parts) {
  return List(std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
}

// Searching from the right takes time in proportion to both lengths.
void look_from_right(const MethodCall& call, std::string_view part) {
  call.budget.look(static_cast<std::int64_t>(self(call).size()) *
                   static_cast<std::int64_t>(std::min<std::size_t>(part.size(), 1 << 20)));
}

template <bool from_right>
Value split_parts(const MethodCall& call) {
  const Parameters given = call.parameters({"sep", "maxsplit"});
  const auto separator = given.optional_text(0);
  if (separator && separator->empty()) throw Failure("the separator of split() is empty");
  if (from_right && separator) look_from_right(call, *separator);
  call.budget.bytes(self(call).size());
  return to_list(split(self(call), separator, given.integer(1, -1), from_right));
}

Value lines(const MethodCall& call) {
  return to_list(split_lines(self(call), call.parameters({"keepends"}).flag(0, false)));
}

bool has_end(const std::string& text, const std::string& part, bool at_start) {
  return at_start ? text.starts_with(part) : text.ends_with(part);
}

// The argument is one string or a tuple of them.
template <bool at_start>
Value has_affix(const MethodCall& call) {
  const Value part = call.parameters({"part"}).at(0);
  if (part.is_string()) return has_end(self(call), part.text(), at_start);
  if (!part.sequence() || part.sequence()->kind != Sequence::Kind::kTuple)
    throw Failure(fmt::format("{} needs a string or a tuple of strings, not a value of type {}",
                              call.function, part.type_name()));
  const List& parts = part.sequence()->items;
  return std::any_of(parts.begin(), parts.end(), [&](const Value& one) {
    return one.is_string() && has_end(self(call), one.text(), at_start);
  });
}

template <bool at_start>
Value without_affix(const MethodCall& call) {
  const std::string part = call.parameters({"part"}).text(0);
  if (!has_end(self(call), part, at_start)) return call.self;
  const std::size_t rest = self(call).size() - part.size();
  return at_start ? self(call).substr(part.size()) : self(call).substr(0, rest);
}

Value replaced(const MethodCall& call) {
  const Parameters given = call.parameters({"old", "new", "count"});
  const std::string &from = given.text(0), &to = given.text(1);
  // At most one copy of `to` per character, or per occurrence of `from`.
  call.budget.bytes(self(call).size() / std::max<std::size_t>(from.size(), 1) * to.size());
  return replace(self(call), from, to, given.integer(2, -1));
}

// The number of the code point where `part` is, -1 when it is nowhere.
template <bool from_right>
std::int64_t place(const MethodCall& call) {
  const Parameters given = call.parameters({"part"});
  const std::string& part = given.text(0);
  if (from_right) look_from_right(call, part);
  const std::size_t pos = from_right ? self(call).rfind(part) : find_text(self(call), part);
  if (pos == std::string::npos) return -1;
  return count_code_points(std::string_view(self(call)).substr(0, pos));
}

template <bool from_right>
Value find(const MethodCall& call) {
  return place<from_right>(call);
}

template <bool from_right>
Value index(const MethodCall& call) {
  const std::int64_t found = place<from_right>(call);
  if (found < 0) throw Failure(fmt::format("{} did not find its argument", call.function));
  return found;
}

Value count(const MethodCall& call) {
  const std::string part = call.parameters({"part"}).text(0);
  if (part.empty()) return count_code_points(self(call)) + 1;
  std::int64_t found = 0;
  for (std::size_t pos = 0; (pos = find_text(self(call), part, pos)) != std::string::npos; ++found)
    pos += part.size();
  return found;
}

Value join(const MethodCall& call) {
  std::string out;
  const List items = iterate(call.parameters({"items"}).at(0), call.budget);
  for (const Value& item : items) {
    if (!item.is_string())
      throw Failure(
          fmt::format("join() needs strings, but got a value of type {}", item.type_name()));
    call.budget.bytes(item.text().size() + self(call).size());
    if (&item != &items.front()) out += self(call);
    out += item.text();
  }
  return out;
}

template <bool left>
Value padded(const MethodCall& call) {
  const Parameters given = call.parameters({"width", "fill"});
  const std::string fill = given.has(1) ? given.text(1) : " ";
  if (count_code_points(fill) != 1) throw Failure("the fill of a string must be one character");
  const std::int64_t missing = given.integer(0) - count_code_points(self(call));
  const Value padding = arithmetic(Arithmetic::kMultiply, fill, missing, call.budget);
  return left ? padding.text() + self(call) : self(call) + padding.text();
}

template <typename Test>
bool all_characters(const std::string& text, Test test) {
  for (std::size_t pos = 0; pos < text.size();)
    if (!test(next_code_point(text, pos))) return false;
  return !text.empty();
}

Value is_digit(const MethodCall& call) {
  call.parameters({});
  return all_characters(self(call), [](std::int32_t code) {
    const int type = u_getIntPropertyValue(code, UCHAR_NUMERIC_TYPE);
    return type == U_NT_DECIMAL || type == U_NT_DIGIT;
  });
}

Value is_alpha(const MethodCall& call) {
  call.parameters({});
  return all_characters(self(call),
                        [](std::int32_t code) { return (U_GET_GC_MASK(code) & U_GC_L_MASK) != 0; });
}

Value is_alnum(const MethodCall& call) {
  call.parameters({});
  return all_characters(self(call), [](std::int32_t code) {
    return (U_GET_GC_MASK(code) & U_GC_L_MASK) != 0 ||
           u_getIntPropertyValue(code, UCHAR_NUMERIC_TYPE) != U_NT_NONE;
  });
}

Value is_white(const MethodCall& call) {
  call.parameters({});
  return all_characters(self(call), is_space);
}

template <bool lower_case>
Value is_in_case(const MethodCall& call) {
  call.parameters({});
  return lower_case ? is_lower(self(call)) : is_upper(self(call));
}

}  // namespace

const std::map<std::string, Method, std::less<>>& string_methods() {
  static const std::map<std::string, Method, std::less<>> table = {
      {"upper", changed<upper>},
      {"lower", changed<lower>},
      {"title", changed<title>},
      {"capitalize", changed<capitalize>},
      {"strip", stripped<true, true>},
      {"lstrip", stripped<true, false>},
      {"rstrip", stripped<false, true>},
      {"split", split_parts<false>},
      {"rsplit", split_parts<true>},
      {"splitlines", lines},
      {"startswith", has_affix<true>},
      {"endswith", has_affix<false>},
      {"removeprefix", without_affix<true>},
      {"removesuffix", without_affix<false>},
      {"replace", replaced},
      {"find", find<false>},
      {"rfind", find<true>},
      {"index", index<false>},
      {"rindex", index<true>},
      {"count", count},
      {"join", join},
      {"ljust", padded<false>},
      {"rjust", padded<true>},
      {"isdigit", is_digit},
      {"isalpha", is_alpha},
      {"isalnum", is_alnum},
      {"isspace", is_white},
      {"islower", is_in_case<true>},
      {"isupper", is_in_case<false>},
  };
  return table;
}

}  // namespace msmodelslim::jinja
