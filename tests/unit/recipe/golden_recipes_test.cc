// Recipe copies written by the Python tool for the cases of the shared golden folder.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/files.h"
#include "recipe/practice_library.h"
#include "recipe/recipe.h"

namespace msmodelslim {
namespace {

std::string shared_folder() {
  const char* given = std::getenv("MSMODELSLIM_SHARED");
  return given != nullptr ? given : MSMODELSLIM_SOURCE_DIR "/../shared";
}

std::string written_copy(const fs::path& case_folder) {
  for (const auto& entry : fs::directory_iterator(case_folder / "expected"))
    if (entry.path().filename().string().ends_with("_best_practice.yaml"))
      return read_file(entry.path().string());
  return "";
}

TEST(GoldenRecipes, CopiesOfAllCasesAreByteEqual) {
  const fs::path cases = fs::path(shared_folder()) / "golden" / "cases";
  if (!fs::is_directory(cases)) GTEST_SKIP() << cases << " is absent";
  int compared = 0;
  for (const auto& entry : fs::directory_iterator(cases)) {
    const fs::path recipe = entry.path() / "recipe.yaml";
    const std::string expected = written_copy(entry.path());
    if (!fs::exists(recipe) || expected.empty()) continue;
    EXPECT_EQ(recipe_to_yaml(read_recipe(recipe.string())), expected) << recipe;
    ++compared;
  }
  EXPECT_GT(compared, 100);
}

TEST(GoldenRecipes, LibraryRecipesGiveTheCopiesOfTheCommandCases) {
  const fs::path cases = fs::path(shared_folder()) / "golden" / "cases";
  if (!fs::is_directory(cases)) GTEST_SKIP() << cases << " is absent";
  const PracticeLibrary library({MSMODELSLIM_SOURCE_DIR "/recipes"});
  const std::pair<const char*, const char*> used[] = {
      {"llama-cmd-w8a8", "default-w8a8"},
      {"llama-cmd-w8a16", "default-w8a16"},
      {"qwen2-28l-cmd-w8a8", "qwen2.5-7b-w8a8"},
      {"qwen3-cmd-w8a8c8", "qwen3-32b-dense-w8a8c8"},
      {"qwen3_moe-cmd-w4a8", "qwen3-30B-w4a8-v1"},
      {"glm4_moe-cmd-w8a8", "glm4-7-moe-w8a8-v1"},
      {"deepseek_v3-cmd-w4a8", "deepseek_w4a8_per_channel"},
      {"kimi_k2-cmd-w8a8", "kimi_w8a8_quarot"}};
  for (const auto& [name, id] : used)
    EXPECT_EQ(recipe_to_yaml(library.find(id)), written_copy(cases / name)) << name;
}

TEST(GoldenRecipes, CasesOfTheseKindsHavePlans) {
  const fs::path cases = fs::path(shared_folder()) / "golden" / "cases";
  if (!fs::is_directory(cases)) GTEST_SKIP() << cases << " is absent";
  for (const char* name : {"qwen2-w8a8-static-asym", "qwen2-w8a8-static-sym-mean", "qwen2-w8a8-dyn",
                           "qwen2-w8a16", "qwen2-w8a8-shards", "qwen3-smooth", "qwen3-iter-excl",
                           "qwen3-flex-given", "qwen3-flex-search", "qwen3-flex-normov",
                           "qwen2-v0-w8a8-minmax", "llama-iter-linear-linear"})
    EXPECT_NO_THROW(make_plan(read_recipe((cases / name / "recipe.yaml").string()))) << name;
}

}  // namespace
}  // namespace msmodelslim
