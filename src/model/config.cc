#include "model/config.h"

#include <map>

#include "base/error.h"
#include "base/files.h"
#include "model/class_defaults.h"
#include "model/config_aliases.h"

namespace msmodelslim {
namespace {

// Text models under the names that they have inside of others.
const std::string& plain_model_type(const std::string& name) {
  static const std::map<std::string, std::string> names = {{"qwen2_vl", "qwen2"},
                                                           {"qwen2_vl_text", "qwen2"},
                                                           {"ministral", "mistral"},
                                                           {"qwen2_5_vl", "qwen2"},
                                                           {"qwen2_5_vl_text", "qwen2"},
                                                           {"qwen2_5_omni_text", "qwen2"},
                                                           {"qwen3_vl_text", "qwen3"},
                                                           {"qwen3_vl_moe_text", "qwen3_moe"},
                                                           {"qwen3_omni_moe_text", "qwen3_moe"},
                                                           {"glm4v_text", "glm4"},
                                                           {"glm4v_moe_text", "glm4_moe"}};
  const auto it = names.find(name);
  return it == names.end() ? name : it->second;
}

const Json* text_part(const Json& config) {
  for (const char* key : {"text_config", "llm_config", "language_config"})
    if (config.contains(key) && config.at(key).is_object()) return &config.at(key);
  if (config.contains("thinker_config") && config.at("thinker_config").is_object())
    return text_part(config.at("thinker_config"));
  return nullptr;
}

Json as_text_model(Json config) {
  if (const Json* part = text_part(config)) {
    const Json text = *part;
    for (const auto& [key, value] : text.items())
      if (key != "architectures" || !config.contains(key)) config[key] = value;
  }
  add_usual_keys(config);
  if (config.contains("model_type") && config["model_type"].is_string())
    config["model_type"] = plain_model_type(config["model_type"].get<std::string>());
  add_class_defaults(config);
  return config;
}

}  // namespace

ModelConfig ModelConfig::read(const std::string& folder) {
  const std::string path = (fs::path(folder) / "config.json").string();
  std::error_code ec;
  if (!fs::exists(path, ec))
    throw DataError(fmt::format("{}: not found", path),
                    "--model_path must be a model folder as Hugging Face or ModelScope ships it");
  Json json = read_json_file(path);
  if (!json.is_object()) throw DataError(path + ": is no JSON object", "download it again");
  return {as_text_model(std::move(json)), path};
}

void ModelConfig::fail(const std::string& key, const std::string& expected) const {
  throw DataError(fmt::format("{}: \"{}\" is {}, expected {}", path_, key,
                              has(key) ? json_.at(key).dump() : "absent", expected),
                  "check that config.json is the one that came with the weights");
}

bool ModelConfig::has(const std::string& key) const {
  return json_.contains(key) && !json_.at(key).is_null();
}

std::int64_t ModelConfig::size(const std::string& key) const {
  if (!has(key)) fail(key, "a whole number");
  return size_or(key, 0);
}

std::int64_t ModelConfig::size_or(const std::string& key, std::int64_t fallback) const {
  if (!has(key)) return fallback;
  const Json& value = json_.at(key);
  constexpr std::int64_t kLargest = 1LL << 40;
  if (!value.is_number_integer() || value.get<std::int64_t>() < 1 ||
      value.get<std::int64_t>() > kLargest)
    fail(key, "a whole number >= 1");
  return value.get<std::int64_t>();
}

double ModelConfig::number_or(const std::string& key, double fallback) const {
  if (!has(key)) return fallback;
  if (!json_.at(key).is_number()) fail(key, "a number");
  return json_.at(key).get<double>();
}

bool ModelConfig::flag_or(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!json_.at(key).is_boolean()) fail(key, "true or false");
  return json_.at(key).get<bool>();
}

std::string ModelConfig::text_or(const std::string& key, const std::string& fallback) const {
  if (!has(key)) return fallback;
  if (!json_.at(key).is_string()) fail(key, "a string");
  return json_.at(key).get<std::string>();
}

// Null where there is none, or null itself.
const Json* ModelConfig::of_layer(const std::string& key, std::int64_t layer) const {
  if (!has(key) || !json_.at(key).is_array()) return nullptr;
  const Json& list = json_.at(key);
  const auto at = static_cast<std::size_t>(layer);
  return at < list.size() && !list[at].is_null() ? &list[at] : nullptr;
}

double ModelConfig::number_of_layer(const std::string& key, std::int64_t layer) const {
  const Json* value = of_layer(key, layer);
  if (value == nullptr) return 0;
  if (!value->is_number()) fail(key, "a list of numbers");
  return value->get<double>();
}

std::string ModelConfig::text_of_layer(const std::string& key, std::int64_t layer) const {
  const Json* value = of_layer(key, layer);
  if (value == nullptr) return "";
  if (!value->is_string()) fail(key, "a list of strings");
  return value->get<std::string>();
}

std::string ModelConfig::architecture() const {
  if (!has("architectures")) return "";
  const Json& list = json_.at("architectures");
  if (!list.is_array() || list.empty() || !list[0].is_string())
    fail("architectures", "a list of names");
  return list[0].get<std::string>();
}

}  // namespace msmodelslim
