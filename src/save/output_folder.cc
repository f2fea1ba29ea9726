#include "save/output_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "base/error.h"
#include "base/files.h"

namespace msmodelslim {
namespace {

constexpr const char* kPartial = ".msmodelslim-partial";
constexpr const char* kReplaced = ".msmodelslim-replaced";

fs::path resolved(const std::string& path) { return fs::weakly_canonical(fs::absolute(path)); }

bool holds(const fs::path& outer, const fs::path& inner) {
  auto o = outer.begin();
  auto i = inner.begin();
  for (; o != outer.end(); ++o, ++i)
    if (i == inner.end() || *o != *i) return false;
  return true;
}

bool is_mount_point(const fs::path& path) {
  struct stat own {};
  struct stat parent {};
  return ::stat(path.c_str(), &own) == 0 &&
         ::stat(path.parent_path().c_str(), &parent) == 0 && own.st_dev != parent.st_dev;
}

void remove_contents(const fs::path& folder) {
  std::error_code ec;
  for (const auto& item : fs::directory_iterator(folder, ec)) fs::remove_all(item.path(), ec);
}

void make_folder(const fs::path& path) {
  std::error_code ec;
  fs::create_directories(path, ec);
  if (ec || ::access(path.c_str(), W_OK | X_OK) != 0)
    throw ResourceError(
        fmt::format("{}: cannot be written: {}", path.string(),
                    ec ? ec.message() : std::string(std::strerror(errno))),
        "choose another --save_path, or change the permissions");
}

}  // namespace

OutputFolder::OutputFolder(const std::string& path, const std::string& protected_folder,
                           bool overwrite) {
  const fs::path target = resolved(path);
  const fs::path source = resolved(protected_folder);
  if (holds(target, source) || holds(source, target))
    throw UsageError(fmt::format("--save_path {} is, holds or lies in --model_path {}",
                                 target.string(), source.string()),
                     "choose a folder outside the model's folder");
  std::error_code ec;
  if (fs::exists(target, ec) && !fs::is_directory(target, ec))
    throw UsageError(fmt::format("--save_path {} is a file", target.string()),
                     "give the name of a folder");
  const bool exists = fs::is_directory(target, ec);
  if (exists && !fs::is_empty(target, ec) && !overwrite)
    throw UsageError(fmt::format("--save_path {} is not empty", target.string()),
                     "give --overwrite to replace it, or choose another folder");
  final_ = target.string();
  in_place_ = exists && is_mount_point(target);
  if (in_place_) {
    working_ = final_;
    make_folder(target);
    remove_contents(target);
    return;
  }
  const fs::path working =
      target.parent_path() / ("." + target.filename().string() + kPartial);
  fs::remove_all(working, ec);
  make_folder(working);
  working_ = working.string();
}

OutputFolder::~OutputFolder() {
  if (published_) return;
  std::error_code ec;
  if (in_place_)
    remove_contents(working_);
  else
    fs::remove_all(working_, ec);
}

void OutputFolder::publish() {
  if (!in_place_) {
    std::error_code ec;
    const fs::path old =
        fs::path(final_).parent_path() / ("." + fs::path(final_).filename().string() + kReplaced);
    fs::remove_all(old, ec);
    if (fs::exists(final_)) fs::rename(final_, old);
    fs::rename(working_, final_, ec);
    if (ec) {
      std::error_code ignored;
      fs::rename(old, final_, ignored);
      throw ResourceError(fmt::format("{}: cannot be given its name: {}", final_, ec.message()));
    }
    fs::remove_all(old, ec);
  }
  published_ = true;
}

}  // namespace msmodelslim
