#pragma once
// The library of recipes: <root>/<pedigree>/<file>.yaml in one or more roots.

#include <string>
#include <string_view>
#include <vector>

#include "recipe/recipe.h"

namespace msmodelslim {

class PracticeLibrary {
 public:
  // Roots in order of precedence. A root that does not exist is empty.
  explicit PracticeLibrary(std::vector<std::string> roots);

  // The user's MSMODELSLIM_CUSTOM_PRACTICE_REPO, when set, and the recipes of this program.
  static PracticeLibrary standard();

  // Recipes of one pedigree out of all roots, highest score first, then by config_id; of equal ones
  // the earlier root's comes first. A file that cannot be read is skipped with a warning.
  std::vector<Recipe> recipes(std::string_view pedigree) const;

  // Every "<pedigree>/<file>.yaml", sorted, each once.
  std::vector<std::string> files() const;

  // The recipe that --config_path means: a file; else a config_id or file stem of the library; else
  // a path that ends in DIR/FILE.yaml of the library (".../lab_practice/DIR/FILE.yaml"). UsageError
  // lists what exists.
  Recipe find(const std::string& config_path) const;

 private:
  std::vector<std::string> roots_;
};

}  // namespace msmodelslim
