#pragma once
// Files: whole reads, memory maps, atomic writes. Every failure is a ResourceError or DataError
// that names the path.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace msmodelslim {

namespace fs = std::filesystem;

// Reads a whole regular file (links are followed). Throws when larger than `max_bytes`.
std::string read_file(const std::string& path, std::uint64_t max_bytes = 4ULL << 30);

// Makes what was written to a file or into a folder survive a power cut.
void sync_path(const std::string& path);

// Writes `text` to `path` through a temporary file in the same folder and a rename; a power cut
// leaves the old file or the new one.
void write_file_atomic(const std::string& path, std::string_view text);

// Read-only memory map of a file. A file that shrinks while mapped would raise SIGBUS on access;
// install_sigbus_handler() turns that into an error message that names the file and exits with 1.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  // Tells the kernel that [offset, offset+length) will be read soon / is not needed any more.
  void will_need(std::size_t offset, std::size_t length) const;
  void dont_need(std::size_t offset, std::size_t length) const;

 private:
  std::string path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  int registry_slot_ = -1;
};

void install_sigbus_handler();

}  // namespace msmodelslim
