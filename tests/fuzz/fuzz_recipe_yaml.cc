// Any bytes as a recipe: either a plan and a text to write back, or a UsageError; nothing else.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "recipe/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace msmodelslim;
  const std::string text(reinterpret_cast<const char*>(data), size);
  Recipe recipe;
  try {
    recipe = parse_recipe(text, "input.yaml");
  } catch (const UsageError&) {
    return 0;
  }
  recipe_to_yaml(recipe);
  try {
    needs_data(make_plan(recipe));
  } catch (const UsageError&) {
    return 0;
  }
  return 0;
}
