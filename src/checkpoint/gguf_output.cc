#include "checkpoint/gguf_output.h"

#include <sys/stat.h>

#include "base/error.h"

namespace msmodelslim {
namespace {

// Whether `inner` is `outer` or lies below it; both are absolute and without links.
bool is_inside(const fs::path& inner, const fs::path& outer) {
  auto in = inner.begin();
  for (auto out = outer.begin(); out != outer.end(); ++out, ++in) {
    if (out->empty()) break;  // a trailing slash
    if (in == inner.end() || *in != *out) return false;
  }
  return true;
}

fs::path resolve(const std::string& path) {
  fs::path resolved = fs::weakly_canonical(fs::absolute(path));
  return resolved.has_filename() ? resolved : resolved.parent_path();
}

// The root of a mounted file system cannot be renamed.
bool is_mount_point(const fs::path& folder) {
  struct stat self {};
  struct stat parent {};
  return ::stat(folder.c_str(), &self) == 0 && ::stat(folder.parent_path().c_str(), &parent) == 0 &&
         self.st_dev != parent.st_dev;
}

bool has_content(const fs::path& folder, const fs::path& except) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path() != except) return true;
  return false;
}

[[noreturn]] void refuse(const fs::path& target, const std::string& why,
                         const std::string& remedy) {
  throw UsageError(fmt::format("--save_path {}: {}", target.string(), why), remedy);
}

}  // namespace

OutputFolder::OutputFolder(const std::string& save_path, const std::string& source, bool overwrite)
    : target_(resolve(save_path)) {
  const fs::path model = resolve(source);
  const bool source_is_folder = fs::is_directory(model);
  if (target_ == model || is_inside(model, target_) ||
      (source_is_folder && is_inside(target_, model)))
    refuse(target_, fmt::format("is the same as, inside or around the model {}", model.string()),
           "choose a folder apart from the model");
  const bool exists = fs::exists(target_);
  if (exists && !fs::is_directory(target_))
    refuse(target_, "is a file, a folder was expected", "choose another name");
  partial_ = exists && is_mount_point(target_)
                 ? target_ / ".partial"
                 : target_.parent_path() / fmt::format(".{}.partial", target_.filename().string());
  if (exists && has_content(target_, partial_)) {
    if (!overwrite) refuse(target_, "is not empty", "choose another folder, or add --overwrite");
    if (!fs::exists(target_ / "config.json"))
      refuse(target_, "is not empty and holds no model (no config.json)",
             "--overwrite replaces only model folders; choose another folder");
  }
  try {
    fs::remove_all(partial_);  // left by a run that was killed
    fs::create_directories(partial_);
  } catch (const fs::filesystem_error& e) {
    throw ResourceError(
        fmt::format("{}: cannot be written: {}", partial_.string(), e.code().message()),
        "choose a folder in which you may write");
  }
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(partial_, ignored);
}

void OutputFolder::require_space(std::uint64_t bytes) const {
  std::error_code unknown;
  const fs::space_info space = fs::space(partial_, unknown);
  if (!unknown && space.available < bytes)
    throw ResourceError(fmt::format("{}: {} bytes are needed, the disk has {} left",
                                    target_.string(), bytes, space.available),
                        "free space on the disk or choose another --save_path");
}

void OutputFolder::commit() {
  try {
    if (partial_.parent_path() == target_) {
      replace_contents();
    } else if (fs::exists(target_)) {
      const fs::path old =
          partial_.parent_path() / fmt::format(".{}.old", target_.filename().string());
      fs::remove_all(old);
      fs::rename(target_, old);
      fs::rename(partial_, target_);
      fs::remove_all(old);
    } else {
      fs::rename(partial_, target_);
    }
  } catch (const fs::filesystem_error& e) {
    throw ResourceError(fmt::format("{}: {}", target_.string(), e.what()),
                        "the converted model could not get its final name; check the permissions");
  }
  committed_ = true;
}

// A mount point: its files are replaced one by one, config.json last, without which nothing loads.
void OutputFolder::replace_contents() {
  fs::remove(target_ / "config.json");
  for (const auto& entry : fs::directory_iterator(target_))
    if (entry.path() != partial_ && entry.path().filename() != "lost+found")
      fs::remove_all(entry.path());
  for (const auto& entry : fs::directory_iterator(partial_))
    if (entry.path().filename() != "config.json")
      fs::rename(entry.path(), target_ / entry.path().filename());
  fs::rename(partial_ / "config.json", target_ / "config.json");
  fs::remove_all(partial_);
}

}  // namespace msmodelslim
