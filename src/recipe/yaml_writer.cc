// YamlValue -> the text of PyYAML's safe_dump(value, sort_keys=False): block style, indent 2, lists
// not indented in mappings, lines broken at blanks behind column 80, non-ASCII escaped.

#include <charconv>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "recipe/yaml_text.h"
#include "recipe/yaml_value.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

// Python's repr() of a float, in the form that YAML 1.1 reads back as a float.
std::string float_text(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value < 0 ? "-.inf" : ".inf";
  char buffer[64];
  const auto shortest =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  const std::string scientific(buffer, shortest.ptr);
  const std::size_t e = scientific.find('e');
  const int exponent = std::atoi(scientific.c_str() + e + 1);
  if (exponent < -4 || exponent >= 16) {
    const std::string digits = scientific.substr(0, e);
    return digits + (digits.find('.') == std::string::npos ? ".0" : "") + scientific.substr(e);
  }
  const auto fixed =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed);
  const std::string text(buffer, fixed.ptr);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

bool is_empty_collection(const YamlValue& value) {
  return (value.is(Kind::kList) && value.items.empty()) ||
         (value.is(Kind::kMap) && value.entries.empty());
}

bool is_block(const YamlValue& value) {
  return (value.is(Kind::kList) || value.is(Kind::kMap)) && !is_empty_collection(value);
}

class Writer {
 public:
  std::string write(const YamlValue& value) {
    if (is_block(value)) {
      write_block(value, 0, false);
    } else {
      write_scalar(value, 0);
    }
    out_ += '\n';
    return std::move(out_);
  }

 private:
  std::size_t column() const {
    const std::size_t newline = out_.rfind('\n');
    return newline == std::string::npos ? out_.size() : out_.size() - newline - 1;
  }

  void start_line(std::size_t indent) {
    if (!out_.empty()) out_ += '\n';
    out_.append(indent, ' ');
  }

  // `in_line`: the first entry continues the line of a "- " or "? ".
  void write_block(const YamlValue& value, std::size_t indent, bool in_line) {
    bool first = in_line;
    for (const YamlValue& item : value.items) {
      if (!first) start_line(indent);
      first = false;
      out_ += '-';
      write_item(item, indent);
    }
    for (const auto& [key, entry] : value.entries) {
      if (!first) start_line(indent);
      first = false;
      write_entry(key, entry, indent);
    }
  }

  void write_item(const YamlValue& item, std::size_t indent) {
    out_ += ' ';
    if (is_block(item)) {
      write_block(item, indent + 2, true);
    } else {
      write_scalar(item, indent + 2);
    }
  }

  void write_entry(const std::string& key, const YamlValue& value, std::size_t indent) {
    if (is_simple_key(key)) {
      out_ += key_text(key);
      out_ += ':';
    } else {
      out_ += "? ";
      out_ += wrapped_text(key, column(), indent + 2);
      start_line(indent);
      out_ += ':';
      if (is_block(value)) return write_item(value, indent);
    }
    if (value.is(Kind::kList) && is_block(value)) return write_block(value, indent, false);
    if (is_block(value)) return write_block(value, indent + 2, false);
    out_ += ' ';
    write_scalar(value, indent + 2);
  }

  void write_scalar(const YamlValue& value, std::size_t indent) {
    switch (value.kind) {
      case Kind::kNull:
        out_ += "null";
        break;
      case Kind::kBool:
        out_ += value.boolean ? "true" : "false";
        break;
      case Kind::kInt:
        out_ += std::to_string(value.integer);
        break;
      case Kind::kFloat:
        out_ += float_text(value.real);
        break;
      case Kind::kTime:
      case Kind::kString:
        out_ += wrapped_text(value.text, column(), indent);
        break;
      case Kind::kList:
        out_ += "[]";
        break;
      case Kind::kMap:
        out_ += "{}";
        break;
    }
  }

  std::string out_;
};

}  // namespace

std::string dump_yaml(const YamlValue& value) { return Writer().write(value); }

}  // namespace msmodelslim
