#pragma once
// Which recipe a `quant` call without --config_path uses, and the question before it is used.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "recipe/model_types.h"
#include "recipe/practice_library.h"
#include "recipe/quant_type.h"

namespace msmodelslim {

// How well a recipe fits a model and the tags that the user asked for.
enum class Applies { kNo, kStandby, kMatch };  // standby: the model fits, the tags do not

// Tags are compared without case, `-` and `_` are the same.
Applies recipe_applies(const Recipe& recipe, const std::string& pedigree,
                       const std::string& model_type, const std::vector<std::string>& tags);

struct RecipeChoice {
  Recipe recipe;
  bool ask = false;      // the user has to agree first
  std::string sentence;  // what the question is about; ends with a blank
};

// Search order: the model's own recipes for the type, generic ones for the type, then the same for
// w8a8. Only a direct match with an explicit type is used without a question. UsageError when
// nothing fits.
RecipeChoice choose_recipe(const PracticeLibrary& library, const ModelType& model,
                           const std::optional<QuantType>& quant_type,
                           const std::vector<std::string>& tags);

// Prints the prompt and reads one line; nothing at end of file.
using AskFunction = std::function<std::optional<std::string>(const std::string& prompt)>;

// Asks when the choice needs it and `yes` is false. UsageError unless the answer is y or Y.
void confirm_choice(const RecipeChoice& choice, bool yes, const AskFunction& ask);

// The question on stdout, the answer from stdin.
std::optional<std::string> ask_on_terminal(const std::string& prompt);

}  // namespace msmodelslim
