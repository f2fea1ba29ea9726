#pragma once
// A YAML document as plain data, with the line of every value.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim {

// Scalars have the types that YAML 1.1 gives them, as PyYAML's safe loader resolves them: `yes` is
// a boolean, `0x1f` an integer, and `1e-5` (no dot) a string.
struct YamlValue {
  enum class Kind { kNull, kBool, kInt, kFloat, kTime, kString, kList, kMap };
  struct Entry;  // {key, value}

  Kind kind = Kind::kNull;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;  // kString, and kTime as it is written
  std::vector<YamlValue> items;
  std::vector<Entry> entries;  // in file order, keys are unique
  int line = 0;                // 1-based

  bool is(Kind wanted) const { return kind == wanted; }
  const YamlValue* find(std::string_view key) const;
  void add(std::string key, YamlValue value);  // to a mapping

  static YamlValue of_bool(bool value);
  static YamlValue of_int(std::int64_t value);
  static YamlValue of_real(double value);
  static YamlValue of_text(std::string value);
  static YamlValue list();
  static YamlValue map();
};

struct YamlValue::Entry {
  std::string key;
  YamlValue value;
};

// "a number", "a list", ... for messages.
std::string_view kind_name(YamlValue::Kind kind);

// Type of a plain (unquoted) scalar.
YamlValue resolve_plain_scalar(const std::string& text);

// Parses one YAML document; `where` (a path) is named in errors. Aliases and `<<` are expanded.
// UsageError with the line for bad syntax, duplicate keys (also through `<<`), keys that are not
// text or longer than 512 characters, nesting deeper than 100, and aliases that would expand to
// more than a million values.
YamlValue parse_yaml(const std::string& text, const std::string& where);

// Reads a file of at most 1 MiB.
YamlValue read_yaml_file(const std::string& path);

// Text as PyYAML's safe_dump(value, sort_keys=False) writes it.
std::string dump_yaml(const YamlValue& value);

}  // namespace msmodelslim
