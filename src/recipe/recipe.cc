#include "recipe/recipe.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "recipe/join_words.h"
#include "recipe/nearest.h"
#include "recipe/plan_reader.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

constexpr std::size_t kLongestName = 200;
constexpr std::uint64_t kMaxFileBytes = 1 << 20;

using Scenarios = std::vector<std::vector<std::string>>;

// model -> [[tag, ...], ...]
void read_tags(const YamlValue& value, const std::string& path, Problems* problems,
               RecipeMetadata* metadata) {
  Fields models(value, path, problems);
  if (!models.is_map()) return;
  for (const auto& entry : value.entries) {
    const YamlValue* list = models.list(entry.key);
    if (list == nullptr) continue;
    Scenarios scenarios;
    for (const YamlValue& scenario : list->items) {
      std::vector<std::string> tags;
      for (const YamlValue& tag : scenario.items)
        if (tag.is(Kind::kString)) tags.push_back(tag.text);
      if (!scenario.is(Kind::kList) || tags.size() != scenario.items.size())
        problems->add(models.path_of(entry.key), scenario.line,
                      "must be a list of scenarios, each a list of tags");
      scenarios.push_back(std::move(tags));
    }
    metadata->verified_tags.emplace_back(entry.key, std::move(scenarios));
  }
}

RecipeMetadata read_metadata(const YamlValue& value, Problems* problems) {
  RecipeMetadata metadata;
  Fields fields(value, "metadata", problems);
  if (!fields.is_map()) return metadata;
  metadata.config_id = fields.text("config_id", metadata.config_id, kLongestName);
  if (const YamlValue* score = fields.get("score")) {
    const auto number = to_real(*score);
    if (!number || *number < 0) fields.problem("score", "must be a number that is not negative");
    metadata.score = number.value_or(0);
  }
  if (const YamlValue* label = fields.get("label")) {
    if (!label->is(Kind::kMap)) fields.problem("label", "must be a mapping");
    metadata.label = *label;
  }
  metadata.verified_model_types = fields.texts("verified_model_types", kLongestName, false)
                                      .value_or(std::vector<std::string>{});
  if (const YamlValue* tags = fields.get("verified_tags"))
    read_tags(*tags, "metadata.verified_tags", problems, &metadata);
  fields.finish();
  return metadata;
}

Recipe read_envelope(const YamlValue& document, const std::string& path, Problems* problems) {
  Recipe recipe;
  recipe.path = path;
  if (!document.is(Kind::kMap)) {
    problems->add("the document", std::max(1, document.line),
                  document.is(Kind::kNull) ? "is empty" : "must be a mapping");
    return recipe;
  }
  bool has_spec = false;
  for (const auto& [key, value] : document.entries) {
    if (key == "apiversion") {
      if (!value.is(Kind::kString)) problems->add(key, value.line, "must be text");
      recipe.apiversion = value.text;
      recipe.apiversion_line = value.line;
    } else if (key == "metadata") {
      recipe.metadata = read_metadata(value, problems);
    } else if (key == "spec") {
      has_spec = true;
      recipe.spec = value;
      if (!value.is(Kind::kMap)) problems->add(key, value.line, "must be a mapping");
    } else {
      recipe.rest.push_back({key, value});
    }
  }
  if (!has_spec) problems->add("spec", document.line, "is required and missing");
  return recipe;
}

void read_spec(const Recipe& recipe, ReadContext context, Plan* plan) {
  const YamlValue& spec = recipe.spec;
  const std::string& apiversion = recipe.apiversion;
  if (!spec.is(Kind::kMap)) return;
  const NamedInfo* info = find_named(known_apiversions(), apiversion);
  if (info == nullptr) {
    std::vector<std::string> names;
    for (const NamedInfo& known : known_apiversions()) names.emplace_back(known.name);
    context.problems->add("apiversion", recipe.apiversion_line,
                          fmt::format("'{}' is unknown; known values: {}{}", apiversion,
                                      join_words(names), did_you_mean(apiversion, names)));
  } else if (!info->built) {
    context.problems->add("apiversion", recipe.apiversion_line,
                          fmt::format("{} is not built yet", apiversion));
  } else if (apiversion == "modelslim_v0") {
    read_v0_spec(spec, context, plan);
  } else if (apiversion == "modelslim_convert") {
    read_convert_spec(spec, context, plan);
  } else {
    read_v1_spec(spec, context, plan);
  }
}

Plan read_plan(const Recipe& recipe, Problems* problems) {
  Plan plan;
  plan.apiversion = recipe.apiversion;
  plan.config_id = recipe.metadata.config_id;
  read_spec(recipe, {problems, &plan.warnings}, &plan);
  return plan;
}

}  // namespace

Recipe parse_recipe(const std::string& text, const std::string& path) {
  Problems problems;
  Recipe recipe = read_envelope(parse_yaml(text, path), path, &problems);
  if (!problems.empty()) read_plan(recipe, &problems);
  problems.throw_if_any(path);
  return recipe;
}

Recipe read_recipe(const std::string& path) {
  return parse_recipe(read_file(path, kMaxFileBytes), path);
}

Plan make_plan(const Recipe& recipe) {
  Problems problems;
  Plan plan = read_plan(recipe, &problems);
  problems.throw_if_any(recipe.path);
  return plan;
}

}  // namespace msmodelslim
