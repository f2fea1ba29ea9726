#pragma once
// Strict reading of a YAML mapping: every field is asked for by name and type, what nobody asked
// for is an error, and all errors of a document are collected with path and line.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/yaml_value.h"

namespace msmodelslim {

class Problems {
 public:
  void add(const std::string& path, int line, const std::string& reason);
  bool empty() const { return count_ == 0; }
  // One UsageError that lists everything; does nothing without problems.
  void throw_if_any(const std::string& where) const;

 private:
  std::string text_;
  int count_ = 0;
};

// Lax conversions, as the Python tool's schema does them: "yes", "true", 1 -> true; "8", 8.0 -> 8;
// "1e-5" -> 0.00001. A number is never taken for text.
std::optional<bool> to_bool(const YamlValue& value);
std::optional<std::int64_t> to_int(const YamlValue& value);
std::optional<double> to_real(const YamlValue& value);

class Fields {
 public:
  // Anything but a mapping is a problem; then every field reads as absent.
  Fields(const YamlValue& value, std::string path, Problems* problems);

  const std::string& path() const { return path_; }
  std::string path_of(std::string_view key) const;
  bool is_map() const { return map_ != nullptr; }

  // The value of `key`, or nullptr; the key counts as known from now on.
  const YamlValue* get(std::string_view key);
  // The same; an absent key is a problem.
  const YamlValue* require(std::string_view key);
  void allow(std::string_view key) { known_.emplace(key); }

  bool boolean(std::string_view key, bool fallback);
  std::int64_t integer(std::string_view key, std::int64_t fallback, std::int64_t least,
                       std::int64_t most);
  std::string text(std::string_view key, std::string fallback, std::size_t longest);
  // A number from `least` to `most`.
  double real(std::string_view key, double fallback, double least, double most);
  // A number strictly between 0 and 1.
  std::optional<double> fraction(std::string_view key);
  // A list of text; null is allowed where `null_is_empty`.
  std::optional<std::vector<std::string>> texts(std::string_view key, std::size_t longest,
                                                bool null_is_empty);
  // A list of integers; absent: empty.
  std::vector<std::int64_t> integers(std::string_view key, std::int64_t least, std::int64_t most);
  const YamlValue* list(std::string_view key);

  void problem(std::string_view key, const std::string& reason);
  // Reports the keys that nobody asked for.
  void finish();

 private:
  const YamlValue* map_ = nullptr;
  std::string path_;
  int line_ = 0;
  Problems* problems_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace msmodelslim
