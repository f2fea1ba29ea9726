#include "text/jinja/literals.h"

#include <fmt/format.h>
#include <unicode/utf.h>

#include <charconv>
#include <optional>

#include "text/jinja/syntax_error.h"
#include "text/utf8.h"

namespace msmodelslim::jinja {
namespace {

// The characters behind these letters, in the same order.
constexpr std::string_view kLetters = "\\'\"abfnrtv";
constexpr std::string_view kCharacters = "\\'\"\a\b\f\n\r\t\v";

std::size_t hex_digits(char letter) {
  return letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
}

std::optional<std::uint32_t> parse_number(std::string_view digits, int base) {
  std::uint32_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number, base);
  if (digits.empty() || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

// \ooo: one to three octal digits.
std::size_t count_octal(std::string_view text) {
  std::size_t count = 0;
  while (count < 3 && count < text.size() && text[count] >= '0' && text[count] <= '7') ++count;
  return count;
}

// Appends what the escape at the start of `text` (behind the backslash) stands for; its length.
std::size_t append_escape(std::string& out, std::string_view text, int line) {
  const char letter = text[0];
  if (letter == '\n') return 1;  // a line that goes on
  if (const std::size_t i = kLetters.find(letter); i != std::string_view::npos) {
    out += kCharacters[i];
    return 1;
  }
  const std::size_t octal = count_octal(text), hex = hex_digits(letter);
  if (octal == 0 && hex == 0) {  // no escape: the backslash stays
    out += '\\';
    return 0;
  }
  const std::string_view digits = octal ? text.substr(0, octal) : text.substr(1, hex);
  const auto code = parse_number(digits, octal ? 8 : 16);
  if (!code || (hex && digits.size() != hex) || *code > 0x10FFFF || U_IS_SURROGATE(*code))
    throw SyntaxError(line, fmt::format("the string has a bad escape \\{}{}",
                                        octal ? "" : std::string(1, letter), digits));
  append_code_point(out, static_cast<std::int32_t>(*code));
  return octal ? octal : 1 + hex;
}

bool is_digit_at(std::string_view text, std::size_t pos) {
  return pos < text.size() && text[pos] >= '0' && text[pos] <= '9';
}

// Behind the digits at `pos`, which may have single underscores between them.
std::size_t end_of_digits(std::string_view text, std::size_t pos) {
  while (is_digit_at(text, pos) || (pos > 0 && pos < text.size() && text[pos] == '_' &&
                                    is_digit_at(text, pos - 1) && is_digit_at(text, pos + 1)))
    ++pos;
  return pos;
}

// Behind a fraction and an exponent; `pos` itself when there are none.
std::size_t end_of_fraction(std::string_view text, std::size_t pos) {
  if (text.substr(pos).starts_with('.') && is_digit_at(text, pos + 1))
    pos = end_of_digits(text, pos + 1);
  if (pos >= text.size() || (text[pos] != 'e' && text[pos] != 'E')) return pos;
  std::size_t digits = pos + 1;
  if (digits < text.size() && (text[digits] == '+' || text[digits] == '-')) ++digits;
  return is_digit_at(text, digits) ? end_of_digits(text, digits) : pos;
}

template <typename Number>
Number parse_digits(const std::string& digits, int line) {
  Number number = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), number).ec != std::errc())
    throw SyntaxError(line, fmt::format("the number {} is too large", digits));
  return number;
}

}  // namespace

NumberLiteral read_number(std::string_view text, bool after_dot, int line) {
  const std::size_t whole_end = end_of_digits(text, 0);
  const std::size_t end = after_dot ? whole_end : end_of_fraction(text, whole_end);
  std::string digits(text.substr(0, end));
  std::erase(digits, '_');
  if (end > whole_end) return {parse_digits<double>(digits, line), end};
  if (digits[0] == '0' && digits.find_first_not_of('0') != std::string::npos)
    throw SyntaxError(line, fmt::format("the number {} begins with 0", digits));
  return {parse_digits<std::int64_t>(digits, line), end};
}

std::string unescape(std::string_view inner, int line) {
  std::string out;
  while (!inner.empty()) {
    const std::size_t slash = inner.find('\\');
    out += inner.substr(0, slash);
    if (slash == std::string_view::npos) break;
    inner.remove_prefix(slash + 1);
    inner.remove_prefix(append_escape(out, inner, line));
  }
  return out;
}

}  // namespace msmodelslim::jinja
