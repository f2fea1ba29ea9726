#include "base/resources.h"

#include <cstdlib>

#include "base/error.h"
#include "base/files.h"

namespace msmodelslim {
namespace {
bool has_library(const fs::path& folder) {
  std::error_code ec;
  return fs::is_directory(folder / "recipes", ec) && fs::is_directory(folder / "calib", ec);
}
}  // namespace

std::string share_dir() {
  if (const char* given = std::getenv("MSMODELSLIM_SHARE"); given != nullptr && *given != '\0')
    return given;
  std::error_code ec;
  const fs::path exe = fs::read_symlink("/proc/self/exe", ec);
  const fs::path installed = exe.parent_path().parent_path() / "share" / "msmodelslim";
  if (has_library(installed)) return installed.string();
  for (fs::path folder = exe.parent_path(); !folder.empty(); folder = folder.parent_path()) {
    if (has_library(folder)) return folder.string();
    if (folder == folder.parent_path()) break;
  }
  throw ResourceError(
      fmt::format("the recipe library was not found beside {}", exe.string()),
      "run install.sh again, or set MSMODELSLIM_SHARE to the folder with recipes/ and calib/");
}

}  // namespace msmodelslim
