#include "text/jinja/operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text/jinja/strings.h"

namespace msmodelslim::jinja {
namespace {

// Holds every int64 and every double exactly.
long double number_of(const Value& value) {
  if (const auto whole = value.integer()) return static_cast<long double>(*whole);
  return value.float_number();
}

double double_of(const Value& value) { return static_cast<double>(number_of(value)); }

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.items().size() != b.items().size()) return false;
  return std::all_of(a.items().begin(), a.items().end(), [&](const Dict::Item& item) {
    const Value* other = b.find(item.first);
    return other && equal(item.second, *other);
  });
}

bool equal_sequences(const Sequence& a, const Sequence& b) {
  return a.kind == b.kind &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), equal);
}

[[noreturn]] void wrong_types(const char* op, const Value& a, const Value& b) {
  for (const Value* value : {&a, &b})
    if (value->is_undefined()) throw Failure(value->why_undefined());
  throw Failure(fmt::format("the operator {} does not fit values of type {} and {}", op,
                            a.type_name(), b.type_name()));
}

const char* symbol(Arithmetic op) {
  constexpr const char* kSymbols[] = {"+", "-", "*", "/", "//", "%", "**"};
  return kSymbols[static_cast<int>(op)];
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  const std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

// The sign of the result is that of b.
double modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

bool power_overflows(std::int64_t base, std::int64_t exponent, std::int64_t& result) {
  result = 1;
  const bool is_small = base >= -1 && base <= 1;  // two steps are enough
  for (exponent = is_small && exponent > 2 ? 2 - exponent % 2 : exponent; exponent > 0; --exponent)
    if (__builtin_mul_overflow(result, base, &result)) return true;
  return false;
}

// + - * // % ** of integers; false when the result needs more than 64 bits.
bool whole_result(Arithmetic op, std::int64_t a, std::int64_t b, std::int64_t& result) {
  switch (op) {
    case Arithmetic::kAdd:
      return !__builtin_add_overflow(a, b, &result);
    case Arithmetic::kSubtract:
      return !__builtin_sub_overflow(a, b, &result);
    case Arithmetic::kMultiply:
      return !__builtin_mul_overflow(a, b, &result);
    case Arithmetic::kPower:
      return !power_overflows(a, b, result);
    case Arithmetic::kModulo:
      result = b == -1 ? 0 : a - floor_divide(a, b) * b;
      return true;
    default:
      if (b == -1) return !__builtin_sub_overflow(std::int64_t{0}, a, &result);
      result = floor_divide(a, b);
      return true;
  }
}

double float_result(Arithmetic op, double a, double b) {
  switch (op) {
    case Arithmetic::kAdd:
      return a + b;
    case Arithmetic::kSubtract:
      return a - b;
    case Arithmetic::kMultiply:
      return a * b;
    case Arithmetic::kDivide:
      return a / b;
    case Arithmetic::kFloorDivide:
      return std::round((a - modulo(a, b)) / b);
    case Arithmetic::kModulo:
      return modulo(a, b);
    default:
      return std::pow(a, b);
  }
}

Value calculate(Arithmetic op, const Value& a, const Value& b) {
  const bool divides =
      op == Arithmetic::kDivide || op == Arithmetic::kFloorDivide || op == Arithmetic::kModulo;
  if (divides && !b.truth()) throw Failure("division by zero");
  const auto left = a.integer(), right = b.integer();
  const bool whole =
      left && right && op != Arithmetic::kDivide && !(op == Arithmetic::kPower && *right < 0);
  if (whole) {
    std::int64_t result = 0;
    if (!whole_result(op, *left, *right, result))
      throw Failure(fmt::format("{} {} {} needs more than 64 bits", *left, symbol(op), *right));
    return result;
  }
  const double result = float_result(op, double_of(a), double_of(b));
  if (op == Arithmetic::kPower && std::isnan(result) && double_of(a) < 0)
    throw Failure("a power of a negative number with a fraction is not a real number");
  return result;
}

bool is_list_like(const Value& value) {
  const Sequence* items = value.sequence();
  return items && (items->kind == Sequence::Kind::kList || items->kind == Sequence::Kind::kTuple);
}

Value same_kind(const Sequence& sequence, List items) {
  return Value::sequence({.kind = sequence.kind, .items = std::move(items), .extent = {}});
}

Value joined_lists(const Sequence& a, const Sequence& b, Budget& budget) {
  budget.bytes((a.items.size() + b.items.size()) * sizeof(Value));
  List items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return same_kind(a, std::move(items));
}

Value joined_texts(const Value& a, const Value& b, Budget& budget) {
  budget.bytes(a.text().size() + b.text().size());
  if (!a.is_markup() && !b.is_markup()) return a.text() + b.text();
  const auto part = [](const Value& text) {
    return text.is_markup() ? text.text() : escape_html(text.text());
  };
  Value joined = Value::markup(part(a) + part(b));
  budget.bytes(joined.text().size());
  return joined;
}

Value repeated(const Value& value, std::int64_t count, Budget& budget) {
  const std::int64_t size =
      value.is_string() ? static_cast<std::int64_t>(value.text().size())
                        : static_cast<std::int64_t>(value.sequence()->items.size() * sizeof(Value));
  std::int64_t bytes = 0;
  if (count <= 0 || size == 0) count = 0;
  if (__builtin_mul_overflow(size, count, &bytes)) throw Failure("a repeated value is too long");
  budget.bytes(static_cast<std::size_t>(bytes));
  if (value.is_string()) {
    std::string text;
    for (; count > 0; --count) text += value.text();
    return keep_markup(value, std::move(text));
  }
  List items;
  const List& part = value.sequence()->items;
  for (; count > 0; --count) items.insert(items.end(), part.begin(), part.end());
  return same_kind(*value.sequence(), std::move(items));
}

// Bytes to look at when `item` is compared with everything in `container`: of two values, the
// smaller one decides.
std::int64_t search_cost(const Value& container, const Value& item) {
  std::int64_t cost = 0;
  if (__builtin_mul_overflow(item.extent().weight, container.width() / 16, &cost))
    return container.extent().weight;
  return std::min(cost, container.extent().weight);
}

}  // namespace

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return number_of(a) == number_of(b);
  if (a.is_string() && b.is_string()) return a.text() == b.text();
  if (a.is_dict() && b.is_dict()) return equal_dicts(a.dict(), b.dict());
  if (a.sequence() && b.sequence()) return equal_sequences(*a.sequence(), *b.sequence());
  if (a.object() || b.object()) return a.object() == b.object();
  if (a.iterator() || b.iterator()) return a.iterator() == b.iterator();
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

bool less(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return number_of(a) < number_of(b);
  if (a.is_string() && b.is_string()) return a.text() < b.text();  // UTF-8 sorts as code points
  if (!is_list_like(a) || !is_list_like(b) || a.sequence()->kind != b.sequence()->kind)
    wrong_types("<", a, b);
  const List &left = a.sequence()->items, &right = b.sequence()->items;
  const auto [i, j] = std::mismatch(left.begin(), left.end(), right.begin(), right.end(), equal);
  return j != right.end() && (i == left.end() || less(*i, *j));
}

bool less_or_equal(const Value& a, const Value& b) {
  if (a.is_float() || b.is_float()) return less(a, b) || equal(a, b);  // neither for NaN
  return !less(b, a);
}

bool contains(const Value& container, const Value& item, Budget& budget) {
  budget.look(container.width() + search_cost(container, item));
  if (container.is_string()) {
    if (!item.is_string()) wrong_types("in", item, container);
    return find_text(container.text(), item.text()) != std::string::npos;
  }
  if (container.is_dict()) return container.dict().find(item) != nullptr;
  if (Iterator* iterator = container.iterator()) {  // read up to the item, as in Python
    while (iterator->next < iterator->items.size())
      if (equal(iterator->items[iterator->next++], item)) return true;
    return false;
  }
  const List items = iterate(container, budget);
  return std::any_of(items.begin(), items.end(),
                     [&](const Value& other) { return equal(other, item); });
}

Value arithmetic(Arithmetic op, const Value& a, const Value& b, Budget& budget) {
  if (a.is_number() && b.is_number()) return calculate(op, a, b);
  if (op == Arithmetic::kAdd) {
    if (a.is_string() && b.is_string()) return joined_texts(a, b, budget);
    if (is_list_like(a) && is_list_like(b) && a.sequence()->kind == b.sequence()->kind)
      return joined_lists(*a.sequence(), *b.sequence(), budget);
  }
  if (op == Arithmetic::kMultiply) {
    const auto can_repeat = [](const Value& value) {
      return value.is_string() || is_list_like(value);
    };
    if (can_repeat(a) && b.integer()) return repeated(a, *b.integer(), budget);
    if (can_repeat(b) && a.integer()) return repeated(b, *a.integer(), budget);
  }
  wrong_types(symbol(op), a, b);
}

Value negate(const Value& value) {
  if (value.is_float()) return -value.float_number();
  const auto number = value.integer();
  std::int64_t result = 0;
  if (!number) wrong_types("-", value, value);
  if (__builtin_sub_overflow(std::int64_t{0}, *number, &result))
    throw Failure(fmt::format("-({}) needs more than 64 bits", *number));
  return result;
}

}  // namespace msmodelslim::jinja
