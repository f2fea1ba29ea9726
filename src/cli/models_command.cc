#include "cli/models_command.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "cli/command_line.h"
#include "cli/model_choice.h"
#include "model/families/families.h"
#include "recipe/practice_search.h"

namespace msmodelslim {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  msmodelslim models                 models, their families, types and how to ask for them\n"
    "  msmodelslim models --json          the same for programs\n"
    "  msmodelslim models --markdown      docs/models.md\n"
    "A model that is not listed works too: with the recipes for any model if its architecture is\n"
    "known or is Llama's under another name, else with those that need no data.";

// Families of which the build found recorded outputs of transformers, with commas around each.
constexpr std::string_view kRecorded = "," MSMODELSLIM_RECORDED_FAMILIES ",";

bool is_recorded(const FamilyRow& family) {
  return std::any_of(families().begin(), families().end(), [&](const FamilyRow& other) {
    return std::string_view(other.architecture) == family.architecture &&
           kRecorded.find("," + std::string(other.model_type) + ",") != std::string_view::npos;
  });
}

std::string type_of(const Recipe& recipe) {
  for (const std::string& name : quant_type_names())
    if (label_matches(recipe.metadata.label, parse_quant_type(name))) return name;
  return "";
}

bool is_built(const Recipe& recipe) {
  try {
    make_plan(recipe);
    return true;
  } catch (const UsageError&) {
    return false;
  }
}

// Whether this choice gives the recipe without a question.
bool is_chosen(const PracticeLibrary& library, const ModelType& model, const Recipe& recipe,
               const std::string& type, const std::vector<std::string>& tags) {
  if (type.empty()) return false;
  const RecipeChoice choice = choose_recipe(library, model, parse_quant_type(type), tags);
  return choice.recipe.metadata.config_id == recipe.metadata.config_id && !choice.ask;
}

// What to type for the recipe behind `msmodelslim quant ... --model_type NAME`.
std::string words_for(const PracticeLibrary& library, const ModelType& model, const Recipe& recipe,
                      const std::string& type) {
  const std::string by_type = "--quant_type " + type;
  if (is_chosen(library, model, recipe, type, {})) return by_type;
  for (const auto& [name, scenarios] : recipe.metadata.verified_tags)
    for (const auto& tags : scenarios) {
      if (name != model.name || !is_chosen(library, model, recipe, type, tags)) continue;
      std::string words = by_type + " --tag";
      for (const std::string& tag : tags) words += " " + tag;
      return words;
    }
  return "--config_path " + recipe.metadata.config_id;
}

Json recipe_entry(const Recipe& recipe, const std::string& use) {
  return {{"type", type_of(recipe)},
          {"config_id", recipe.metadata.config_id},
          {"use", use},
          {"needs_data", needs_data(make_plan(recipe))}};
}

Json recipes_for(const PracticeLibrary& library, const ModelType& model) {
  Json list = Json::array();
  for (const std::string& pedigree : model.pedigrees) {
    if (pedigree == kDefaultPedigree) continue;
    for (const Recipe& recipe : library.recipes(pedigree))
      if (recipe_applies(recipe, pedigree, model.name, {}) != Applies::kNo && is_built(recipe))
        list.push_back(recipe_entry(recipe, words_for(library, model, recipe, type_of(recipe))));
  }
  return list;
}

Json model_entry(const PracticeLibrary& library, const std::string& name) {
  const ModelType model = find_model_type(name);
  const std::string family = config_type_of(model);
  Json entry = {{"name", name}, {"pedigree", model.pedigrees.front()}};
  const bool known = find_family(family, "") != nullptr;
  entry["family"] = known ? Json(family) : Json();
  entry["recipes"] = recipes_for(library, model);
  return entry;
}

// Recipes of a folder that are for every model.
Json recipes_of(const PracticeLibrary& library, std::string_view pedigree) {
  Json list = Json::array();
  for (const Recipe& recipe : library.recipes(pedigree))
    if (is_built(recipe))
      list.push_back(recipe_entry(recipe, "--config_path " + recipe.metadata.config_id));
  return list;
}

std::string uses_text(const Json& recipes) {
  std::string text;
  for (const Json& recipe : recipes) {
    const std::string type = recipe["type"];
    text += (text.empty() ? "" : "; ") + (type.empty() ? "" : type + ": ") +
            recipe["use"].get<std::string>();
  }
  return text;
}

void print_matrix(const Json& matrix) {
  std::puts("Families with a forward pass, so that every recipe for any model works:");
  for (const Json& family : matrix["families"])
    std::printf("  %-16s %-26s %s\n", family["model_type"].get<std::string>().c_str(),
                family["architecture"].get<std::string>().c_str(),
                family["verified"].get<std::string>().c_str());
  std::puts("\nModels of --model_type with recipes of their own (the others: for any model):");
  for (const Json& model : matrix["models"]) {
    if (model["recipes"].empty()) continue;
    std::printf(
        "  %s (%s)\n", model["name"].get<std::string>().c_str(),
        model["family"].is_null() ? "data-free only" : model["family"].get<std::string>().c_str());
    for (const Json& recipe : model["recipes"])
      std::printf("    %-8s %s\n", recipe["type"].get<std::string>().c_str(),
                  recipe["use"].get<std::string>().c_str());
  }
  for (const auto& [title, key] :
       {std::pair("Any model of these families", "any_model"),
        std::pair("Any checkpoint, also of an unknown architecture", "any_checkpoint")}) {
    std::printf("\n%s:\n", title);
    for (const Json& recipe : matrix[key])
      std::printf("    %-8s %s\n", recipe["type"].get<std::string>().c_str(),
                  recipe["use"].get<std::string>().c_str());
  }
}

void add_recipe_table(std::ostringstream& text, const Json& recipes) {
  text << "| type | ask for it with | calibration data |\n|---|---|---|\n";
  for (const Json& recipe : recipes)
    text << "| " << recipe["type"].get<std::string>() << " | `" << recipe["use"].get<std::string>()
         << "` | " << (recipe["needs_data"].get<bool>() ? "yes" : "no") << " |\n";
}

}  // namespace

Json support_matrix(const PracticeLibrary& library) {
  Json matrix = {{"families", Json::array()}, {"models", Json::array()}};
  for (const FamilyRow& family : families())
    matrix["families"].push_back(
        {{"model_type", family.model_type},
         {"architecture", family.architecture},
         {"verified", is_recorded(family) ? "forward pass against transformers" : "not recorded"}});
  for (const std::string& name : model_type_names())
    if (name != kDefaultPedigree) matrix["models"].push_back(model_entry(library, name));
  matrix["any_model"] = recipes_of(library, kDefaultPedigree);
  for (Json& recipe : recipes_of(library, "best")) matrix["any_model"].push_back(recipe);
  matrix["any_checkpoint"] = recipes_of(library, kDataFreePedigree);
  return matrix;
}

std::string matrix_markdown(const Json& matrix) {
  std::ostringstream text;
  text << "# Models\n\n"
          "[中文](models.zh.md)\n\n"
          "Written by `msmodelslim models --markdown` from the table of families and the recipes; "
          "do not edit.\n\n"
          "## Families\n\n"
          "Models of these families have a forward pass: they can be calibrated, proven, evaluated "
          "and served. Others\nare quantized without data, by the names and shapes of their "
          "tensors. Parts for images and sounds stay\nas they are.\n\n"
          "| model_type in config.json | architecture | verified |\n|---|---|---|\n";
  for (const Json& family : matrix["families"])
    text << "| " << family["model_type"].get<std::string>() << " | "
         << family["architecture"].get<std::string>() << " | "
         << family["verified"].get<std::string>() << " |\n";
  text << "\n## Models of `--model_type`\n\n"
          "`msmodelslim quant --model_path M --save_path Q --model_type NAME` and the words of the "
          "last column.\n\n"
          "| name | family | recipes of its own |\n|---|---|---|\n";
  for (const Json& model : matrix["models"])
    text << "| " << model["name"].get<std::string>() << " | "
         << (model["family"].is_null() ? "data-free only" : model["family"].get<std::string>())
         << " | " << uses_text(model["recipes"]) << " |\n";
  text << "\n## Any model of these families\n\n";
  add_recipe_table(text, matrix["any_model"]);
  text << "\n## Any checkpoint, also of an unknown architecture\n\n";
  add_recipe_table(text, matrix["any_checkpoint"]);
  return text.str();
}

int run_models(const std::vector<std::string>& words) {
  bool json = false;
  bool markdown = false;
  CLI::App app("List the models, their types and how to ask for them", "msmodelslim models");
  app.add_flag("--json", json, "for programs");
  app.add_flag("--markdown", markdown, "as docs/models.md");
  app.footer(kExamples);
  if (!parse_words(app, words)) return 0;
  const Json matrix = support_matrix(PracticeLibrary::standard());
  if (json)
    std::puts(matrix.dump(2).c_str());
  else if (markdown)
    std::fputs(matrix_markdown(matrix).c_str(), stdout);
  else
    print_matrix(matrix);
  return 0;
}

}  // namespace msmodelslim
