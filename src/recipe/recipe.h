#pragma once
// A recipe file: the envelope (apiversion, metadata) and the part that says what to do (spec).

#include <string>
#include <utility>
#include <vector>

#include "recipe/plan.h"
#include "recipe/yaml_value.h"

namespace msmodelslim {

struct RecipeMetadata {
  std::string config_id = "Unknown";
  double score = 100.0;
  YamlValue label = YamlValue::map();  // free mapping, only searched
  std::vector<std::string> verified_model_types;
  // model -> scenarios, each a list of tags
  std::vector<std::pair<std::string, std::vector<std::vector<std::string>>>> verified_tags;
};

struct Recipe {
  std::string path;
  std::string apiversion = "Unknown";
  int apiversion_line = 1;
  RecipeMetadata metadata;
  YamlValue spec;                      // as read, for writing back
  std::vector<YamlValue::Entry> rest;  // other top-level keys: homes of YAML anchors
};

// Reads the envelope; `spec` is only checked to be a mapping, except that a file with problems in
// its envelope reports those of its spec as well. UsageError lists all of them.
Recipe parse_recipe(const std::string& text, const std::string& path);
Recipe read_recipe(const std::string& path);

// The typed plan. UsageError lists, with path and line: unknown fields and values, quantizers and
// pairs that do not exist, what "is not built yet", and a recipe that quantizes or saves nothing.
Plan make_plan(const Recipe& recipe);

// Makes the recipe save with this saver (of known_savers()) and no other; the shard size stays. A
// modelslim_v0 recipe, which has no word for that, stays as it is.
void set_saver(Recipe* recipe, const std::string& saver);

// Text of <model_type>_best_practice.yaml: the whole recipe with defaults of the envelope filled in
// and aliases expanded.
std::string recipe_to_yaml(const Recipe& recipe);
// "<model_type>_best_practice.yaml"; characters that a file name cannot have become '_'.
std::string best_practice_file_name(const std::string& model_type);

}  // namespace msmodelslim
