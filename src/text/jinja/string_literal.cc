#include "text/jinja/string_literal.h"

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

}  // namespace

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
