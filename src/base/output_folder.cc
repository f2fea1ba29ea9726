#include "base/output_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr const char* kPartial = ".msmodelslim-partial";
constexpr const char* kReplaced = ".msmodelslim-replaced";
// Without these no engine loads a folder.
constexpr std::array<const char*, 2> kLast = {"quant_model_description.json", "config.json"};

fs::path resolved(const std::string& path) {
  fs::path result = fs::weakly_canonical(fs::absolute(path));
  return result.has_filename() ? result : result.parent_path();
}

bool holds(const fs::path& outer, const fs::path& inner) {
  auto i = inner.begin();
  for (auto o = outer.begin(); o != outer.end(); ++o, ++i)
    if (i == inner.end() || *o != *i) return false;
  return true;
}

bool is_mount_point(const fs::path& path) {
  struct stat own {};
  struct stat parent {};
  return ::stat(path.c_str(), &own) == 0 && ::stat(path.parent_path().c_str(), &parent) == 0 &&
         own.st_dev != parent.st_dev;
}

fs::path working_folder(const fs::path& target) {
  if (is_mount_point(target)) return target / kPartial;
  return target.parent_path() / fmt::format(".{}{}", target.filename().string(), kPartial);
}

bool has_content(const fs::path& folder) {
  for (const auto& item : fs::directory_iterator(folder)) {
    const std::string name = item.path().filename().string();
    if (name != kPartial && name != "lost+found") return true;
  }
  return false;
}

}  // namespace

void check_output_path(const std::string& path, const std::string& source, bool overwrite) {
  const fs::path target = resolved(path);
  const fs::path model = resolved(source);
  if (holds(target, model) || holds(model, target))
    throw UsageError(fmt::format("--save_path {} is, holds or lies in --model_path {}",
                                 target.string(), model.string()),
                     "choose a folder outside the model's folder");
  std::error_code ec;
  if (!fs::exists(target, ec)) return;
  if (!fs::is_directory(target, ec))
    throw UsageError(fmt::format("--save_path {} is a file", target.string()),
                     "give the name of a folder");
  if (!has_content(target)) return;
  if (!overwrite)
    throw UsageError(fmt::format("--save_path {} is not empty", target.string()),
                     "give --overwrite to replace it, or choose another folder");
  if (!fs::exists(target / "config.json", ec))
    throw UsageError(fmt::format("--save_path {} is not empty and holds no model", target.string()),
                     "--overwrite replaces only folders with a config.json; choose another folder");
}

std::uint64_t unfinished_bytes(const std::string& path) {
  std::error_code ec;
  std::uint64_t sum = 0;
  for (fs::recursive_directory_iterator item(working_folder(resolved(path)), ec), end;
       !ec && item != end; item.increment(ec)) {
    std::error_code gone;
    if (!item->is_regular_file(gone)) continue;
    const std::uintmax_t size = item->file_size(gone);
    if (!gone) sum += size;
  }
  return sum;
}

std::string unfinished_folder(const std::string& working) {
  return (fs::path(working) / "unfinished").string();
}

OutputFolder::OutputFolder(const std::string& path, const std::string& source, bool overwrite,
                           const WantsLeft& wants_left) {
  check_output_path(path, source, overwrite);
  target_ = resolved(path);
  working_ = working_folder(target_);
  std::error_code ec;
  fs::create_directories(working_, ec);
  if (ec || ::access(working_.c_str(), W_OK | X_OK) != 0)
    throw ResourceError(fmt::format("{}: cannot be written: {}", target_.string(),
                                    ec ? ec.message() : std::string(std::strerror(errno))),
                        "choose another --save_path, or change the permissions");
  lock();
  try {
    if (wants_left && wants_left(working_.string())) return;
  } catch (...) {
    ::close(lock_);
    throw;
  }
  for (const auto& item : fs::directory_iterator(working_)) fs::remove_all(item.path(), ec);
}

void OutputFolder::lock() {
  lock_ = ::open(working_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  const bool busy = errno == EWOULDBLOCK;
  if (!busy) return;  // a file system without locks
  ::close(lock_);
  throw UsageError(fmt::format("another process is writing {}", target_.string()),
                   "wait for its end, or choose another --save_path");
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (!published_ && !kept_) fs::remove_all(working_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

void OutputFolder::require_space(std::uint64_t bytes) const {
  std::error_code unknown;
  const fs::space_info space = fs::space(working_, unknown);
  if (!unknown && space.available < bytes)
    throw ResourceError(fmt::format("{}: {} bytes are needed, the disk has {} left",
                                    target_.string(), bytes, space.available),
                        "free space on the disk or choose another --save_path");
}

void OutputFolder::publish() {
  try {
    fs::remove_all(unfinished_folder(working_.string()));
    if (working_.parent_path() == target_) {
      move_into_place();
    } else {
      const fs::path old =
          target_.parent_path() / fmt::format(".{}{}", target_.filename().string(), kReplaced);
      fs::remove_all(old);
      if (fs::exists(target_)) fs::rename(target_, old);
      fs::rename(working_, target_);
      fs::remove_all(old);
    }
  } catch (const fs::filesystem_error& e) {
    throw ResourceError(
        fmt::format("{}: cannot be given its name: {}", target_.string(), e.code().message()),
        "check the permissions of the folder that holds it");
  }
  published_ = true;
}

void OutputFolder::move_into_place() {
  for (const char* name : kLast) fs::remove(target_ / name);
  for (const auto& item : fs::directory_iterator(target_))
    if (item.path() != working_ && item.path().filename() != "lost+found")
      fs::remove_all(item.path());
  const auto is_last = [](const fs::path& name) { return name == kLast[0] || name == kLast[1]; };
  for (const auto& item : fs::directory_iterator(working_))
    if (!is_last(item.path().filename())) fs::rename(item.path(), target_ / item.path().filename());
  for (const char* name : kLast)
    if (fs::exists(working_ / name)) fs::rename(working_ / name, target_ / name);
  fs::remove_all(working_);
}

}  // namespace msmodelslim
