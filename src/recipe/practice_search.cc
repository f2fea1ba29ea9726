#include "recipe/practice_search.h"

#include <algorithm>
#include <cctype>
#include <iostream>

#include "base/error.h"
#include "recipe/practice_missing.h"

namespace msmodelslim {
namespace {

std::string normal_tag(const std::string& tag) {
  std::string result;
  for (char c : tag)
    result += c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool holds_all(const std::vector<std::string>& scenario, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& tag) {
    return std::any_of(scenario.begin(), scenario.end(),
                       [&](const std::string& own) { return normal_tag(own) == normal_tag(tag); });
  });
}

struct Candidate {
  Recipe recipe;
  Applies applies;
};

struct Search {
  const PracticeLibrary& practices;
  const ModelType& model;
  const std::vector<std::string>& tags;

  // The best recipe of the folders: the first match, else the first standby.
  std::optional<Candidate> best(const std::vector<std::string>& pedigrees,
                                const QuantType& type) const {
    std::optional<Candidate> standby;
    for (const std::string& pedigree : pedigrees)
      for (Recipe& recipe : practices.recipes(pedigree)) {
        if (!label_matches(recipe.metadata.label, type)) continue;
        const Applies applies = recipe_applies(recipe, pedigree, model.name, tags);
        if (applies == Applies::kMatch) return Candidate{std::move(recipe), applies};
        if (applies == Applies::kStandby && !standby)
          standby = Candidate{std::move(recipe), applies};
      }
    return standby;
  }
};

const std::vector<std::string>& default_pedigrees() {
  static const std::vector<std::string> names = {std::string(kDefaultPedigree)};
  return names;
}

bool is_general(std::string_view pedigree) {
  return pedigree == kDefaultPedigree || pedigree == kDataFreePedigree;
}

bool is_generic(const ModelType& model) {
  return model.pedigrees.size() == 1 && is_general(model.pedigrees.front());
}

std::string describe(const Search& search, const Candidate& candidate, bool generic,
                     const QuantType& wanted, bool type_given, const QuantType& used) {
  const ModelType& model = search.model;
  std::string sentence;
  if (!type_given)
    sentence = fmt::format("No quantization type was given: {} is proposed. ", used.name);
  else if (wanted.name != used.name)
    sentence = fmt::format("No recipe for {} fits model type {} ({}): {} is proposed instead. ",
                           wanted.name, model.name,
                           describe_library(search.practices, model, wanted), used.name);
  if (generic)
    sentence += fmt::format("The generic recipe {} would be used, it is not tuned for {}. ",
                            candidate.recipe.metadata.config_id, model.name);
  else if (candidate.applies == Applies::kStandby)
    sentence += fmt::format("The recipe {} for {} is not verified for the given tags. ",
                            candidate.recipe.metadata.config_id, model.name);
  else
    sentence += fmt::format("The recipe {} for {} would be used. ",
                            candidate.recipe.metadata.config_id, model.name);
  return sentence;
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

}  // namespace

Applies recipe_applies(const Recipe& recipe, const std::string& pedigree,
                       const std::string& model_type, const std::vector<std::string>& tags) {
  if (is_general(pedigree)) return Applies::kMatch;
  const auto& models = recipe.metadata.verified_model_types;
  if (!models.empty())
    return std::find(models.begin(), models.end(), model_type) != models.end() ? Applies::kMatch
                                                                               : Applies::kNo;
  for (const auto& [model, scenarios] : recipe.metadata.verified_tags) {
    if (model != model_type || scenarios.empty()) continue;
    const bool fits =
        tags.empty() || std::any_of(scenarios.begin(), scenarios.end(),
                                    [&](const auto& own) { return holds_all(own, tags); });
    return fits ? Applies::kMatch : Applies::kStandby;
  }
  return Applies::kNo;
}

RecipeChoice choose_recipe(const PracticeLibrary& library, const ModelType& model,
                           const std::optional<QuantType>& quant_type,
                           const std::vector<std::string>& tags) {
  const QuantType fallback = parse_quant_type("w8a8");
  const QuantType wanted = quant_type.value_or(fallback);
  const Search search{library, model, tags};
  std::vector<QuantType> types = {wanted};
  if (wanted.name != fallback.name) types.push_back(fallback);
  for (const QuantType& type : types)
    for (const bool own : {true, false}) {
      if (!own && is_generic(model)) continue;
      const bool generic = !own || is_generic(model);
      auto candidate = search.best(own ? model.pedigrees : default_pedigrees(), type);
      if (!candidate) continue;
      const bool direct = quant_type && !generic && type.name == wanted.name &&
                          candidate->applies == Applies::kMatch;
      std::string sentence =
          describe(search, *candidate, generic, wanted, quant_type.has_value(), type);
      return {std::move(candidate->recipe), !direct, std::move(sentence)};
    }
  throw UsageError(fmt::format("no recipe for {} fits model type {} ({})", wanted.name, model.name,
                               describe_library(library, model, wanted)),
                   "give a recipe file with --config_path, or another --quant_type");
}

void confirm_choice(const RecipeChoice& choice, bool yes, const AskFunction& ask) {
  if (!choice.ask || yes) return;
  const auto answer = ask(choice.sentence + "(Enter y to continue, otherwise it will exit): ");
  if (!answer)
    throw UsageError("the recipe has to be confirmed, but there is no input to read from",
                     fmt::format("add --yes, or choose the recipe yourself: --config_path {}",
                                 choice.recipe.metadata.config_id));
  const std::string word = trimmed(*answer);
  if (word != "y" && word != "Y")
    throw UsageError("the recipe was not confirmed; nothing was written",
                     "answer y, add --yes, or give --quant_type or --config_path");
}

std::optional<std::string> ask_on_terminal(const std::string& prompt) {
  std::cout << prompt << std::flush;
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  return line;
}

}  // namespace msmodelslim
