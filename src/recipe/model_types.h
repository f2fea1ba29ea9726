#pragma once
// --model_type: the model names of the support matrix and the recipe folders that belong to them.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim {

// Recipes for every model.
inline constexpr std::string_view kDefaultPedigree = "default";
// Recipes that need neither data nor a forward pass.
inline constexpr std::string_view kDataFreePedigree = "data_free";

struct ModelType {
  std::string name;                    // as recipes spell it
  std::vector<std::string> pedigrees;  // recipe folders, searched in this order
  bool known = false;                  // false: not in the matrix, only generic recipes apply
};

// Names are exact and case-sensitive; other spellings of the same model that the Python tool
// registers (hunyuan_video, Wan2_1, ...) give the name that recipes use. An unknown name gives the
// default pedigree.
ModelType find_model_type(std::string_view name);

std::vector<std::string> model_type_names();

// Warning for an unknown name, with the nearest known ones; "" for a known name.
std::string unknown_model_type_warning(std::string_view name);

}  // namespace msmodelslim
