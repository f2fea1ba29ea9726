#include "recipe/practice_library.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/resources.h"
#include "recipe/join_words.h"
#include "recipe/nearest.h"

namespace msmodelslim {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// Entries of a folder in the order of their names; none when it cannot be read.
std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec))
    paths.push_back(it->path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<fs::path> pedigree_folders(const std::string& root) {
  std::vector<fs::path> folders = sorted_entries(root);
  std::erase_if(folders, [](const fs::path& path) {
    std::error_code ec;
    return !fs::is_directory(path, ec);
  });
  return folders;
}

std::vector<fs::path> recipe_files(const fs::path& folder) {
  std::vector<fs::path> files = sorted_entries(folder);
  std::erase_if(files, [](const fs::path& path) {
    std::error_code ec;
    return path.extension() != ".yaml" || !fs::is_regular_file(path, ec);
  });
  return files;
}

std::optional<Recipe> read_or_warn(const fs::path& path) {
  try {
    return read_recipe(path.string());
  } catch (const Error& e) {
    log_warning("recipe", "skipped a recipe that cannot be read: {}", e.what());
    return std::nullopt;
  }
}

}  // namespace

PracticeLibrary::PracticeLibrary(std::vector<std::string> roots) : roots_(std::move(roots)) {}

PracticeLibrary PracticeLibrary::standard() {
  std::vector<std::string> roots;
  if (const char* custom = std::getenv("MSMODELSLIM_CUSTOM_PRACTICE_REPO");
      custom != nullptr && *custom != '\0') {
    std::error_code ec;
    if (!fs::is_directory(custom, ec))
      log_warning("recipe", "MSMODELSLIM_CUSTOM_PRACTICE_REPO={}: there is no such folder", custom);
    roots.emplace_back(custom);
  }
  roots.push_back((fs::path(share_dir()) / "recipes").string());
  return PracticeLibrary(std::move(roots));
}

std::vector<Recipe> PracticeLibrary::recipes(std::string_view pedigree) const {
  std::vector<Recipe> found;
  for (const std::string& root : roots_)
    for (const fs::path& folder : pedigree_folders(root)) {
      if (lower(folder.filename().string()) != lower(pedigree)) continue;
      for (const fs::path& file : recipe_files(folder))
        if (auto recipe = read_or_warn(file)) found.push_back(std::move(*recipe));
    }
  std::stable_sort(found.begin(), found.end(), [](const Recipe& a, const Recipe& b) {
    if (a.metadata.score != b.metadata.score) return a.metadata.score > b.metadata.score;
    return a.metadata.config_id < b.metadata.config_id;
  });
  return found;
}

std::vector<std::string> PracticeLibrary::files() const {
  std::set<std::string> names;
  for (const std::string& root : roots_)
    for (const fs::path& folder : pedigree_folders(root))
      for (const fs::path& file : recipe_files(folder))
        names.insert((folder.filename() / file.filename()).string());
  return {names.begin(), names.end()};
}

Recipe PracticeLibrary::find(const std::string& config_path) const {
  std::error_code ec;
  if (fs::is_regular_file(config_path, ec)) return read_recipe(config_path);
  const fs::path wanted(config_path);
  const fs::path tail = wanted.parent_path().filename() / wanted.filename();
  std::vector<std::string> ids;
  for (const std::string& root : roots_)
    for (const fs::path& folder : pedigree_folders(root))
      for (const fs::path& file : recipe_files(folder)) {
        if (folder.filename() / file.filename() == tail) return read_recipe(file.string());
        if (file.stem() == config_path || file.filename() == config_path)
          return read_recipe(file.string());
        const auto recipe = read_or_warn(file);
        if (recipe && recipe->metadata.config_id == config_path) return *recipe;
        if (recipe) ids.push_back(recipe->metadata.config_id);
      }
  const std::string what = fs::is_directory(config_path, ec) ? "is a folder" : "was not found";
  throw UsageError(fmt::format("the recipe '{}' {}{}", config_path, what,
                               did_you_mean(wanted.stem().string(), ids)),
                   fmt::format("give a YAML file, a config_id, or one of the library's files: {}",
                               join_words(files())));
}

}  // namespace msmodelslim
