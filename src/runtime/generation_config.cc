#include "runtime/generation_config.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace msmodelslim {
namespace {

DataError wrong(const std::string& path, const char* key, const Json& value) {
  return DataError(fmt::format("{}: {} is {}, expected a number", path, key, value.dump()),
                   "take the file of the model again");
}

Json read_object(const std::string& path) {
  if (!fs::exists(path)) return Json::object();
  Json json = read_json_file(path);
  if (!json.is_object())
    throw DataError(path + ": is no JSON object", "take the file of the model again");
  return json;
}

template <typename T>
bool fits(const Json& value) {
  if constexpr (std::is_integral_v<T>)
    return value.is_number() &&
           std::abs(value.get<double>()) < static_cast<double>(std::numeric_limits<T>::max());
  return value.is_number();
}

std::vector<std::int32_t> read_ids(const Json& json, const std::string& path) {
  std::vector<std::int32_t> ids;
  const Json value = json.value("eos_token_id", Json());
  if (value.is_null()) return ids;
  for (const Json& id : value.is_array() ? value : Json::array({value})) {
    if (!id.is_number_integer() || !fits<std::int32_t>(id))
      throw wrong(path, "eos_token_id", value);
    ids.push_back(id.get<std::int32_t>());
  }
  return ids;
}

}  // namespace

GenerationConfig read_generation_config(const std::string& folder) {
  GenerationConfig config;
  const std::string path = folder + "/generation_config.json";
  const Json json = read_object(path);
  config.end_ids = read_ids(json, path);
  if (config.end_ids.empty()) {
    const std::string model = folder + "/config.json";
    config.end_ids = read_ids(read_object(model), model);
  }
  const auto number = [&](const char* key, auto* to) {
    const Json value = json.value(key, Json());
    if (value.is_null()) return;
    using T = std::remove_pointer_t<decltype(to)>;
    if (!fits<T>(value)) throw wrong(path, key, value);
    *to = value.get<T>();
  };
  number("temperature", &config.params.temperature);
  number("top_p", &config.params.top_p);
  number("top_k", &config.params.top_k);
  number("min_p", &config.params.min_p);
  number("repetition_penalty", &config.params.repetition_penalty);
  return config;
}

}  // namespace msmodelslim
