#include <fmt/format.h>

#include <algorithm>

#include "recipe/join_words.h"
#include "recipe/nearest.h"
#include "recipe/plan_reader.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

Json to_json(const YamlValue& value) {
  switch (value.kind) {
    case Kind::kNull:
      return nullptr;
    case Kind::kBool:
      return value.boolean;
    case Kind::kInt:
      return value.integer;
    case Kind::kFloat:
      return value.real;
    case Kind::kTime:
    case Kind::kString:
      return value.text;
    case Kind::kList: {
      Json list = Json::array();
      for (const YamlValue& item : value.items) list.push_back(to_json(item));
      return list;
    }
    case Kind::kMap: {
      Json map = Json::object();
      for (const auto& [key, entry] : value.entries) map[key] = to_json(entry);
      return map;
    }
  }
  return nullptr;
}

// A required word out of a fixed list.
std::optional<std::string> read_word(Fields* fields, std::string_view key,
                                     const std::vector<std::string_view>& words) {
  if (fields->require(key) == nullptr) return std::nullopt;
  const std::string word = fields->text(key, "", 200);
  if (word.empty()) return std::nullopt;
  if (std::find(words.begin(), words.end(), word) != words.end()) return word;
  const std::vector<std::string> names(words.begin(), words.end());
  fields->problem(key, fmt::format("'{}' is unknown; known values: {}{}", word, join_words(words),
                                   did_you_mean(word, names)));
  return std::nullopt;
}

void check_ext(const QConfig& config, const QuantizerInfo& info, const YamlValue& ext,
               const std::string& path, ReadContext context) {
  for (const auto& [key, value] : ext.entries) {
    if (std::find(info.ext.begin(), info.ext.end(), key) != info.ext.end()) continue;
    context.warnings->push_back(fmt::format("{}.{} (line {}) has no effect on {} {} {}", path, key,
                                            value.line, config.dtype, config.scope, config.method));
  }
  // The value of a key that has an effect here.
  const auto given = [&](const char* key) -> const YamlValue* {
    const bool meant = std::find(info.ext.begin(), info.ext.end(), key) != info.ext.end();
    return meant ? ext.find(key) : nullptr;
  };
  const bool may_be_last = info.scope == "per_channel";
  if (const YamlValue* value = given("aggregation_type");
      value != nullptr &&
      (!value->is(Kind::kString) ||
       (value->text != "max" && value->text != "mean" && !(may_be_last && value->text == "last"))))
    context.problems->add(path + ".aggregation_type", value->line,
                          may_be_last ? "must be max, mean or last" : "must be max or mean");
  for (const char* key : {"step", "block_size", "group_size", "dual_block_size", "refine_sweeps"}) {
    const YamlValue* value = given(key);
    if (value == nullptr) continue;
    const Json& number = config.ext.at(key);
    if (!number.is_number_integer() || number.get<std::int64_t>() < 1)
      context.problems->add(fmt::format("{}.{}", path, key), value->line,
                            "must be a whole number above 0");
  }
  for (const char* key : {"percdamp", "search_step"}) {
    const YamlValue* value = given(key);
    if (value == nullptr) continue;
    const Json& number = config.ext.at(key);
    if (!number.is_number() || !(number.get<double>() > 0))
      context.problems->add(fmt::format("{}.{}", path, key), value->line,
                            "must be a number above 0");
  }
  for (const char* key : {"ceil_x_value", "search_min", "search_max"}) {
    const YamlValue* value = given(key);
    if (value == nullptr) continue;
    const Json& number = config.ext.at(key);
    if (!number.is_number() || number.get<double>() < 6 || number.get<double>() > 12)
      context.problems->add(fmt::format("{}.{}", path, key), value->line,
                            "must be a number from 6 to 12");
  }
  for (const char* key : {"enable_search", "act_order", "scale_search", "quantized_inputs"})
    if (const YamlValue* value = given(key); value != nullptr && !config.ext.at(key).is_boolean())
      context.problems->add(fmt::format("{}.{}", path, key), value->line, "must be true or false");
  if (const YamlValue* value = given("axes"); value != nullptr) {
    const Json& axes = config.ext.at("axes");
    if (axes != -1 && axes != Json::array({-1}))
      context.problems->add(path + ".axes", value->line, "only -1, the inputs, is supported");
  }
}

}  // namespace

std::optional<QConfig> read_any_qconfig(const YamlValue& value, const std::string& path,
                                        ReadContext context) {
  Fields fields(value, path, context.problems);
  if (!fields.is_map()) return std::nullopt;
  const auto dtype = read_word(&fields, "dtype", known_dtypes());
  const auto scope = read_word(&fields, "scope", known_scopes());
  const YamlValue* symmetric = fields.require("symmetric");
  const bool is_symmetric = fields.boolean("symmetric", true);
  const bool has_method = fields.require("method") != nullptr;
  QConfig config;
  config.method = fields.text("method", "", 200);
  const YamlValue* ext = fields.get("ext");
  const bool ext_is_map = ext == nullptr || ext->is(Kind::kMap);
  if (!ext_is_map) fields.problem("ext", "must be a mapping");
  fields.finish();
  if (!dtype || !scope || symmetric == nullptr || !has_method || config.method.empty() ||
      !to_bool(*symmetric) || !ext_is_map)
    return std::nullopt;
  config.dtype = *dtype;
  config.scope = *scope;
  config.symmetric = is_symmetric;
  if (ext != nullptr) config.ext = to_json(*ext);
  return config;
}

std::optional<QConfig> read_qconfig(const YamlValue& value, const std::string& path, Side side,
                                    ReadContext context) {
  const std::optional<QConfig> read = read_any_qconfig(value, path, context);
  if (!read) return std::nullopt;
  const QConfig& config = *read;
  const YamlValue* ext = value.find("ext");
  const QuantizerInfo* info = find_quantizer(side, config);
  if (info == nullptr) {
    const auto others = describe_quantizers(side, config.dtype);
    context.problems->add(
        path, value.line,
        fmt::format("there is no {} quantizer ({}, {}, symmetric {}, {}); with {} there are: {}",
                    side == Side::kAct ? "activation" : "weight", config.dtype, config.scope,
                    config.symmetric, config.method, config.dtype,
                    others.empty() ? "none" : join_words(others)));
    return std::nullopt;
  }
  if (ext != nullptr) check_ext(config, *info, *ext, path + ".ext", context);
  return config;
}

}  // namespace msmodelslim
