// Filters that make numbers.

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/strings.h"

namespace msmodelslim::jinja {
namespace {

// Text as int() and float() read it: white space around it, one sign, and underscores in between.
struct NumberText {
  bool negative = false;
  std::string digits;
};

NumberText number_text(const std::string& text) {
  std::string_view rest = strip(text);
  NumberText number;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    number.negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  const bool has_sign = !rest.empty() && (rest[0] == '-' || rest[0] == '+');
  if (!has_sign) number.digits = replace(rest, "_", "", -1);
  return number;
}

std::optional<double> parse_float(const std::string& text) {
  const NumberText number = number_text(text);
  double result = 0;
  const char* end = number.digits.data() + number.digits.size();
  const auto [stop, error] = std::from_chars(number.digits.data(), end, result);
  if (number.digits.empty() || stop != end || error == std::errc::invalid_argument)
    return std::nullopt;
  if (error == std::errc::result_out_of_range) result = HUGE_VAL;
  return number.negative ? -result : result;
}

[[noreturn]] void too_large(const std::string& number) {
  throw Failure(fmt::format("the integer {} needs more than 64 bits", number));
}

std::optional<std::int64_t> parse_integer(const std::string& text, int base) {
  NumberText number = number_text(text);
  const std::string prefix = base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
  if (!prefix.empty() && lower(number.digits).starts_with(prefix)) number.digits.erase(0, 2);
  const std::string digits = (number.negative ? "-" : "") + number.digits;
  std::int64_t result = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, result, base);
  if (number.digits.empty() || stop != end || error == std::errc::invalid_argument)
    return std::nullopt;
  if (error == std::errc::result_out_of_range) too_large(digits);
  return result;
}

// Towards zero; nothing for infinity and NaN.
std::optional<std::int64_t> truncated(double number) {
  if (!std::isfinite(number)) return std::nullopt;
  if (std::abs(number) >= 0x1p63) too_large(fmt::format("{}", number));
  return static_cast<std::int64_t>(number);
}

Value to_int(const FilterCall& call) {
  const Parameters given = call.parameters({"default", "base"});
  const Value fallback = given.at(0, 0);
  const std::int64_t base = given.integer(1, 10);
  if (base < 2 || base > 36) throw Failure("the base of int must be between 2 and 36");
  if (call.input.is_undefined()) throw Failure(call.input.why_undefined());
  if (const auto whole = call.input.integer()) return *whole;
  std::optional<double> number;
  if (call.input.is_float()) number = call.input.float_number();
  if (call.input.is_string()) {
    if (const auto whole = parse_integer(call.input.text(), static_cast<int>(base))) return *whole;
    number = parse_float(call.input.text());
  }
  const auto whole = number ? truncated(*number) : std::nullopt;
  return whole ? Value(*whole) : fallback;
}

Value to_float(const FilterCall& call) {
  const Value fallback = call.parameters({"default"}).at(0, 0.0);
  if (call.input.is_undefined()) throw Failure(call.input.why_undefined());
  if (call.input.is_float()) return call.input;
  if (const auto whole = call.input.integer()) return static_cast<double>(*whole);
  const auto number = call.input.is_string() ? parse_float(call.input.text()) : std::nullopt;
  return number ? Value(*number) : fallback;
}

Value absolute(const FilterCall& call) {
  call.parameters({});
  const bool negative = less(call.input, 0);
  return negative ? negate(call.input) : call.input.is_bool() ? *call.input.integer() : call.input;
}

// The nearest decimal; ties go to the even digit, as printf and Python have it.
double round_to(double number, int digits) {
  const std::string text = fmt::format("{:.{}f}", number, digits);
  double rounded = number;
  std::from_chars(text.data(), text.data() + text.size(), rounded);
  return rounded;
}

Value round_number(const FilterCall& call) {
  const Parameters given = call.parameters({"precision", "method"});
  const std::int64_t digits = given.integer(0, 0);
  const std::string method = given.has(1) ? given.text(1) : "common";
  if (digits < 0 || digits > 300) throw Failure("the precision of round must be between 0 and 300");
  if (method != "common" && method != "ceil" && method != "floor")
    throw Failure("the method of round must be common, ceil or floor");
  if (call.input.is_undefined()) throw Failure(call.input.why_undefined());
  if (!call.input.is_number())
    throw Failure(fmt::format("round needs a number, not a {}", call.input.type_name()));
  if (method == "common" && !call.input.is_float()) return *call.input.integer();
  const double number = call.input.is_float() ? call.input.float_number()
                                              : static_cast<double>(*call.input.integer());
  if (!std::isfinite(number)) return number;
  if (method == "common") return round_to(number, static_cast<int>(digits));
  const double scale = std::pow(10.0, static_cast<double>(digits));
  return (method == "ceil" ? std::ceil(number * scale) : std::floor(number * scale)) / scale;
}

}  // namespace

const FilterTable& number_filters() {
  static const FilterTable table = {
      {"int", to_int}, {"float", to_float}, {"abs", absolute}, {"round", round_number}};
  return table;
}

}  // namespace msmodelslim::jinja
