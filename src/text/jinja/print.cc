#include "text/jinja/print.h"

#include <fmt/format.h>
#include <unicode/uchar.h>

#include <cmath>

#include "text/utf8.h"

namespace msmodelslim::jinja {
namespace {

// The shortest digits that give the number back; fmt and Python agree on when the exponent comes.
std::string float_text(double number) {
  if (std::isnan(number)) return "nan";
  std::string text = fmt::format("{}", number);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string escaped(std::int32_t code) {
  if (code < 0x100) return fmt::format("\\x{:02x}", code);
  if (code < 0x10000) return fmt::format("\\u{:04x}", code);
  return fmt::format("\\U{:08x}", code);
}

// Python's str.isprintable() for one character.
bool is_printable(std::int32_t code) {
  constexpr std::uint32_t kHidden = U_GC_C_MASK | U_GC_Z_MASK;
  return code == ' ' || (U_GET_GC_MASK(code) & kHidden) == 0;
}

void append_quoted(std::string& out, std::int32_t code, char quote) {
  if (code == quote || code == '\\') {
    out += '\\';
    out += static_cast<char>(code);
  } else if (code == '\n') {
    out += "\\n";
  } else if (code == '\r') {
    out += "\\r";
  } else if (code == '\t') {
    out += "\\t";
  } else if (is_printable(code)) {
    append_code_point(out, code);
  } else {
    out += escaped(code);
  }
}

std::string quoted(const std::string& text) {
  const bool has_single = text.find('\'') != std::string::npos;
  const char quote = has_single && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t pos = 0; pos < text.size();)
    append_quoted(out, next_code_point(text, pos), quote);
  return out + quote;
}

std::string joined(const List& items) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ", ";
    out += repr(items[i]);
  }
  return out;
}

std::string range_text(const List& items) {
  if (items.empty()) return "range(0, 0)";
  const std::int64_t first = *items.front().integer();
  const std::int64_t step = items.size() > 1 ? *items[1].integer() - first : 1;
  const std::int64_t stop = *items.back().integer() + step;
  return step == 1 ? fmt::format("range({}, {})", first, stop)
                   : fmt::format("range({}, {}, {})", first, stop, step);
}

std::string sequence_text(const Sequence& sequence, const char* type_name) {
  switch (sequence.kind) {
    case Sequence::Kind::kList:
      return fmt::format("[{}]", joined(sequence.items));
    case Sequence::Kind::kTuple:
      return fmt::format("({}{})", joined(sequence.items), sequence.items.size() == 1 ? "," : "");
    case Sequence::Kind::kRange:
      return range_text(sequence.items);
    default:
      return fmt::format("{}([{}])", type_name, joined(sequence.items));
  }
}

std::string dict_text(const Dict& dict) {
  std::string out = "{";
  for (const auto& [key, value] : dict.items()) {
    if (out.size() > 1) out += ", ";
    out += fmt::format("{}: {}", repr(key), repr(value));
  }
  return out + "}";
}

}  // namespace

std::string str(const Value& value) {
  if (value.is_string()) return value.text();
  return value.is_undefined() ? "" : repr(value);
}

std::string repr(const Value& value) {
  if (value.is_string()) return quoted(value.text());
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "None";
  if (value.is_bool()) return value.truth() ? "True" : "False";
  if (value.is_integer()) return fmt::format("{}", *value.integer());
  if (value.is_float()) return float_text(value.float_number());
  if (value.is_dict()) return dict_text(value.dict());
  if (const Sequence* sequence = value.sequence())
    return sequence_text(*sequence, value.type_name());
  return value.object() ? value.object()->describe() : "<generator object>";
}

}  // namespace msmodelslim::jinja
