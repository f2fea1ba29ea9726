#pragma once
// Recipes for tests, and the problems that a recipe's text has.

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "recipe/recipe.h"

namespace msmodelslim {

// A valid modelslim_v1 recipe around one `process` list, which is given indented by four blanks.
inline std::string v1_recipe(const std::string& process) {
  return "apiversion: modelslim_v1\nspec:\n  process:\n" + process +
         "  save:\n    - {type: ascendv1_saver}\n";
}

inline const char* const kStaticLinear =
    "    - type: linear_quant\n"
    "      qconfig:\n"
    "        act: {dtype: int8, scope: per_tensor, symmetric: false, method: minmax}\n"
    "        weight: {dtype: int8, scope: per_channel, symmetric: true, method: minmax}\n";

inline Plan plan_of(const std::string& text) { return make_plan(parse_recipe(text, "r.yaml")); }

// The message of the UsageError, or "" when the recipe is fine.
inline std::string problems_of(const std::string& text) {
  try {
    plan_of(text);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

// A folder that disappears with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "recipe_testXXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file.string();
  }

 private:
  std::string path_;
};

}  // namespace msmodelslim
