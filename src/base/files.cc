#include "base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

#include "base/error.h"

namespace msmodelslim {
namespace {

std::string errno_text() { return std::strerror(errno); }

// Maps that are alive, readable from a signal handler: fixed size, no allocation, no lock.
struct MapEntry {
  std::atomic<const std::byte*> begin{nullptr};
  std::atomic<std::size_t> size{0};
  std::array<char, 512> path{};
};
constexpr int kMaxMaps = 4096;
std::array<MapEntry, kMaxMaps> g_maps;

int register_map(const std::byte* begin, std::size_t size, const std::string& path) {
  for (int i = 0; i < kMaxMaps; ++i) {
    const std::byte* expected = nullptr;
    if (g_maps[i].begin.compare_exchange_strong(expected, begin)) {
      std::strncpy(g_maps[i].path.data(), path.c_str(), g_maps[i].path.size() - 1);
      g_maps[i].size.store(size);
      return i;
    }
  }
  return -1;
}

void write_text(const char* text) {
  if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) return;
}

void on_sigbus(int, siginfo_t* info, void*) {
  const auto* address = static_cast<const std::byte*>(info->si_addr);
  write_text("ERROR - [DataError] ");
  bool found = false;
  for (const MapEntry& entry : g_maps) {
    const std::byte* begin = entry.begin.load();
    if (begin == nullptr || address < begin || address >= begin + entry.size.load()) continue;
    write_text(entry.path.data());
    found = true;
    break;
  }
  if (!found) write_text("a mapped file");
  write_text(
      ": the file became shorter, or its disk failed, while it was being read. No output folder "
      "was made.\nRemedy: do not change the file during the run; copy it again and start over.\n");
  ::_exit(1);
}

}  // namespace

std::string read_file(const std::string& path, std::uint64_t max_bytes) {
  std::error_code ec;
  if (fs::is_directory(path, ec))
    throw DataError(fmt::format("{}: is a folder, a file was expected", path));
  const auto size = fs::file_size(path, ec);
  if (ec)
    throw ResourceError(fmt::format("{}: cannot be read: {}", path, ec.message()),
                        "check that the file exists and that you may read it");
  if (size > max_bytes)
    throw DataError(fmt::format("{}: {} bytes, at most {} are read", path, size, max_bytes));
  std::ifstream in(path, std::ios::binary);
  std::string text(size, '\0');
  if (!in || !in.read(text.data(), static_cast<std::streamsize>(size)))
    throw ResourceError(fmt::format("{}: cannot be read", path),
                        "check that the file exists and that you may read it");
  return text;
}

void sync_path(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool done = fd >= 0 && ::fsync(fd) == 0;
  const std::string why = errno_text();
  if (fd >= 0) ::close(fd);
  if (!done)
    throw ResourceError(fmt::format("{}: cannot be written: {}", path, why),
                        "check the disk and the free space");
}

namespace {

// A file that gets its name when it is whole: who is killed meanwhile leaves nothing behind. False
// where `path` is there already, or the file system knows no files without names.
bool write_unnamed(const std::string& path, std::string_view text) {
  const std::string folder = fs::path(path).parent_path().string();
  const int fd =
      ::open(folder.empty() ? "." : folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (fd < 0) return false;
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written <= 0) break;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  const std::string unnamed = fmt::format("/proc/self/fd/{}", fd);
  const bool named =
      text.empty() && ::fsync(fd) == 0 &&
      ::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
  ::close(fd);
  return named;
}

}  // namespace

void write_file_atomic(const std::string& path, std::string_view text) {
  if (write_unnamed(path, text)) return;
  const std::string temporary = path + ".tmp";
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.flush();
    if (!out) {
      const std::string why = errno_text();
      std::error_code ec;
      fs::remove(temporary, ec);
      throw ResourceError(fmt::format("{}: cannot be written: {}", path, why),
                          "check the free space and the permissions of the folder");
    }
  }
  sync_path(temporary);
  std::error_code ec;
  fs::rename(temporary, path, ec);
  if (ec) throw ResourceError(fmt::format("{}: cannot be written: {}", path, ec.message()));
}

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    throw ResourceError(fmt::format("{}: cannot be opened: {}", path, errno_text()),
                        "check that the file exists and that you may read it");
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd);
    throw DataError(fmt::format("{}: is not a regular file", path));
  }
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ > 0) {
    void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (address == MAP_FAILED) {
      const std::string why = errno_text();
      ::close(fd);
      throw ResourceError(fmt::format("{}: cannot be mapped: {}", path, why));
    }
    data_ = static_cast<const std::byte*>(address);
    registry_slot_ = register_map(data_, size_, path_);
  }
  ::close(fd);
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  if (registry_slot_ >= 0) {
    g_maps[registry_slot_].size.store(0);
    g_maps[registry_slot_].begin.store(nullptr);
  }
  ::munmap(const_cast<std::byte*>(data_), size_);
}

namespace {
void advise(const std::byte* data, std::size_t size, std::size_t offset, std::size_t length,
            int advice) {
  if (data == nullptr || offset >= size) return;
  const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t begin = offset / page * page;
  const std::size_t end = std::min(size, offset + length);
  ::madvise(const_cast<std::byte*>(data) + begin, end - begin, advice);
}
}  // namespace

void MappedFile::will_need(std::size_t offset, std::size_t length) const {
  advise(data_, size_, offset, length, MADV_WILLNEED);
}

void MappedFile::dont_need(std::size_t offset, std::size_t length) const {
  advise(data_, size_, offset, length, MADV_DONTNEED);
}

void install_sigbus_handler() {
  struct sigaction action {};
  action.sa_sigaction = on_sigbus;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace msmodelslim
