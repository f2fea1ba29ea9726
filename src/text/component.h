#pragma once
// One component of tokenizer.json: typed access to its fields. Every error names the file and the
// component, for example "m/tokenizer.json: pre_tokenizer.pretokenizers[1] (Split): ...".

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace msmodelslim {

class Component {
 public:
  // `json` must outlive the component. Throws DataError when it is not an object.
  Component(const Json& json, std::string where);

  const std::string& type() const { return type_; }  // "" when the component has none
  std::string where() const;
  const Json* find(const char* key) const;  // nullptr when absent or null

  std::string text(const char* key) const;
  std::optional<std::string> optional_text(const char* key) const;
  bool flag(const char* key, bool fallback) const;
  std::int64_t integer(const char* key) const;
  std::vector<Component> list(const char* key) const;
  Component child(const char* key) const;

  [[noreturn]] void fail(const std::string& problem) const;
  [[noreturn]] void unsupported(const std::string& what) const;

 private:
  const Json& require(const char* key) const;

  const Json& json_;
  std::string where_;
  std::string type_;
};

}  // namespace msmodelslim
