#include "recipe/yaml_value.h"

#include <utility>

namespace msmodelslim {

const YamlValue* YamlValue::find(std::string_view key) const {
  for (const Entry& entry : entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

void YamlValue::add(std::string key, YamlValue value) {
  entries.push_back({std::move(key), std::move(value)});
}

YamlValue YamlValue::of_bool(bool value) {
  YamlValue result;
  result.kind = Kind::kBool;
  result.boolean = value;
  return result;
}

YamlValue YamlValue::of_int(std::int64_t value) {
  YamlValue result;
  result.kind = Kind::kInt;
  result.integer = value;
  return result;
}

YamlValue YamlValue::of_real(double value) {
  YamlValue result;
  result.kind = Kind::kFloat;
  result.real = value;
  return result;
}

YamlValue YamlValue::of_text(std::string value) {
  YamlValue result;
  result.kind = Kind::kString;
  result.text = std::move(value);
  return result;
}

YamlValue YamlValue::list() {
  YamlValue result;
  result.kind = Kind::kList;
  return result;
}

YamlValue YamlValue::map() {
  YamlValue result;
  result.kind = Kind::kMap;
  return result;
}

std::string_view kind_name(YamlValue::Kind kind) {
  switch (kind) {
    case YamlValue::Kind::kNull:
      return "null";
    case YamlValue::Kind::kBool:
      return "a boolean";
    case YamlValue::Kind::kInt:
      return "an integer";
    case YamlValue::Kind::kFloat:
      return "a number";
    case YamlValue::Kind::kTime:
      return "a date";
    case YamlValue::Kind::kString:
      return "text";
    case YamlValue::Kind::kList:
      return "a list";
    case YamlValue::Kind::kMap:
      return "a mapping";
  }
  return "?";
}

}  // namespace msmodelslim
