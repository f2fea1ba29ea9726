#include "recipe/practice_missing.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/files.h"
#include "recipe/join_words.h"
#include "recipe/practice_search.h"

namespace msmodelslim {
namespace {

std::set<std::string> pedigrees_of(const PracticeLibrary& library) {
  std::set<std::string> names;
  for (const std::string& file : library.files())
    names.insert(fs::path(file).parent_path().string());
  return names;
}

std::string models_of(const Recipe& recipe, const std::string& pedigree) {
  if (pedigree == kDefaultPedigree || pedigree == kDataFreePedigree) return "any model";
  std::vector<std::string> models = recipe.metadata.verified_model_types;
  for (const auto& [model, tags] : recipe.metadata.verified_tags) models.push_back(model);
  return join_words(models);
}

std::vector<std::string> types_of(const PracticeLibrary& library, const ModelType& model) {
  std::vector<std::string> types;
  for (const std::string& name : quant_type_names()) {
    const QuantType type = parse_quant_type(name);
    const bool has =
        std::any_of(model.pedigrees.begin(), model.pedigrees.end(), [&](const auto& pedigree) {
          const auto recipes = library.recipes(pedigree);
          return std::any_of(recipes.begin(), recipes.end(), [&](const Recipe& recipe) {
            return label_matches(recipe.metadata.label, type) &&
                   recipe_applies(recipe, pedigree, model.name, {}) != Applies::kNo;
          });
        });
    if (has) types.push_back(name);
  }
  return types;
}

std::string list_or_none(const std::vector<std::string>& words) {
  return words.empty() ? "none" : join_words(words);
}

}  // namespace

std::string describe_library(const PracticeLibrary& library, const ModelType& model,
                             const QuantType& wanted) {
  std::vector<std::string> others;
  for (const std::string& pedigree : pedigrees_of(library))
    for (const Recipe& recipe : library.recipes(pedigree))
      if (label_matches(recipe.metadata.label, wanted))
        others.push_back(
            fmt::format("{} ({})", recipe.metadata.config_id, models_of(recipe, pedigree)));
  return fmt::format("recipes for {}: {}; types of {}: {}", wanted.name, list_or_none(others),
                     model.name, list_or_none(types_of(library, model)));
}

}  // namespace msmodelslim
