#include "text/component.h"

#include <utility>

#include "base/error.h"

namespace msmodelslim {

Component::Component(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
  if (!json_.is_object()) fail("expected a JSON object");
  if (const auto found = json_.find("type"); found != json_.end() && found->is_string())
    type_ = found->get<std::string>();
}

std::string Component::where() const {
  return type_.empty() ? where_ : fmt::format("{} ({})", where_, type_);
}

const Json* Component::find(const char* key) const {
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

const Json& Component::require(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) fail(fmt::format("the field \"{}\" is missing", key));
  return *value;
}

std::string Component::text(const char* key) const {
  const Json& value = require(key);
  if (!value.is_string()) fail(fmt::format("\"{}\" must be a string", key));
  return value.get<std::string>();
}

std::optional<std::string> Component::optional_text(const char* key) const {
  if (find(key) == nullptr) return std::nullopt;
  return text(key);
}

bool Component::flag(const char* key, bool fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) fail(fmt::format("\"{}\" must be true or false", key));
  return value->get<bool>();
}

std::int64_t Component::integer(const char* key) const {
  const Json& value = require(key);
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0)
    fail(fmt::format("\"{}\" must be an integer >= 0", key));
  return value.get<std::int64_t>();
}

std::vector<Component> Component::list(const char* key) const {
  const Json& value = require(key);
  if (!value.is_array()) fail(fmt::format("\"{}\" must be a list", key));
  std::vector<Component> items;
  for (std::size_t i = 0; i < value.size(); ++i)
    items.emplace_back(value[i], fmt::format("{}.{}[{}]", where_, key, i));
  return items;
}

Component Component::child(const char* key) const {
  return Component(require(key), fmt::format("{}.{}", where_, key));
}

void Component::fail(const std::string& problem) const {
  throw DataError(fmt::format("{}: {}", where(), problem),
                  "the file is damaged or was not written by the tokenizers library; download "
                  "tokenizer.json again");
}

void Component::unsupported(const std::string& what) const {
  throw DataError(fmt::format("{}: {} is not supported", where(), what),
                  "this program reads BPE tokenizers; give token ids (input_ids) instead of text");
}

}  // namespace msmodelslim
