// Where a calibration set is found; see resolve_calib_path in dataset.h.
#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/resources.h"
#include "text/dataset.h"

namespace msmodelslim {
namespace {

bool is_file(const fs::path& path) {
  std::error_code ec;
  return fs::is_regular_file(path, ec);
}

std::string shipped_sets(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(folder, ec)) {
    const std::string suffix = entry.path().extension().string();
    if (suffix == ".json" || suffix == ".jsonl") names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

// The part of `name` that may name a shipped set; "" when it names a place of the user's.
std::string shipped_name(const std::string& name) {
  for (const std::string_view folder : {"lab_calib/", "example/common/", "../common/"}) {
    const std::size_t at = name.rfind(folder);
    if (at != std::string::npos && (at == 0 || name[at - 1] == '/'))
      return name.substr(at + folder.size());
  }
  return fs::path(name).is_absolute() ? "" : name;
}

}  // namespace

std::string resolve_calib_path(const std::string& name) {
  if (!name.empty() && is_file(name)) return name;
  const fs::path folder = fs::path(share_dir()) / "calib";
  if (const std::string shipped = shipped_name(name); !shipped.empty()) {
    for (const char* suffix : {"", ".jsonl", ".json"})
      if (const fs::path path = folder / (shipped + suffix); is_file(path)) return path.string();
  }
  throw UsageError(
      fmt::format("the calibration set \"{}\" was not found: neither a file nor a set "
                  "of the program",
                  name),
      fmt::format("give the path of a .json or .jsonl file, or one of: {}", shipped_sets(folder)));
}

}  // namespace msmodelslim
