#include "recipe/recipe.h"

namespace msmodelslim {
namespace {

YamlValue text_list(const std::vector<std::string>& texts) {
  YamlValue list = YamlValue::list();
  for (const std::string& text : texts) list.items.push_back(YamlValue::of_text(text));
  return list;
}

YamlValue metadata_value(const RecipeMetadata& metadata) {
  YamlValue tags = YamlValue::map();
  for (const auto& [model, scenarios] : metadata.verified_tags) {
    YamlValue list = YamlValue::list();
    for (const auto& scenario : scenarios) list.items.push_back(text_list(scenario));
    tags.add(model, std::move(list));
  }
  YamlValue value = YamlValue::map();
  value.add("config_id", YamlValue::of_text(metadata.config_id));
  value.add("score", YamlValue::of_real(metadata.score));
  value.add("label", metadata.label);
  value.add("verified_model_types", text_list(metadata.verified_model_types));
  value.add("verified_tags", std::move(tags));
  return value;
}

}  // namespace

std::string recipe_to_yaml(const Recipe& recipe) {
  YamlValue document = YamlValue::map();
  document.add("apiversion", YamlValue::of_text(recipe.apiversion));
  document.add("spec", recipe.spec);
  document.add("metadata", metadata_value(recipe.metadata));
  for (const YamlValue::Entry& entry : recipe.rest) document.entries.push_back(entry);
  return dump_yaml(document);
}

std::string best_practice_file_name(const std::string& model_type) {
  std::string name = model_type;
  for (char& c : name)
    if (c == '/' || static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '_';
  return name + "_best_practice.yaml";
}

}  // namespace msmodelslim
