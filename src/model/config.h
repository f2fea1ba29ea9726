#pragma once
// config.json with typed access; every error names the file and the key.

#include <optional>
#include <string>

#include "base/json.h"

namespace msmodelslim {

class ModelConfig {
 public:
  // Reads <folder>/config.json. Throws DataError when it is absent or no object. A model that also
  // sees or hears is shown as its text model: text_config's keys stand before the outer ones.
  static ModelConfig read(const std::string& folder);
  ModelConfig(Json json, std::string path) : json_(std::move(json)), path_(std::move(path)) {}

  const Json& json() const { return json_; }
  const std::string& path() const { return path_; }
  bool has(const std::string& key) const;           // present and not null
  std::int64_t size(const std::string& key) const;  // required, >= 1
  std::int64_t size_or(const std::string& key, std::int64_t fallback) const;
  double number_or(const std::string& key, double fallback) const;
  bool flag_or(const std::string& key, bool fallback) const;
  std::string text_or(const std::string& key, const std::string& fallback) const;
  // Of a list with an entry for each layer; 0 and "" where it has none.
  double number_of_layer(const std::string& key, std::int64_t layer) const;
  std::string text_of_layer(const std::string& key, std::int64_t layer) const;
  std::string architecture() const;  // architectures[0], or ""

 private:
  const Json* of_layer(const std::string& key, std::int64_t layer) const;
  [[noreturn]] void fail(const std::string& key, const std::string& expected) const;
  Json json_;
  std::string path_;
};

}  // namespace msmodelslim
