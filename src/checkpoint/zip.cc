#include "checkpoint/zip.h"

#include <algorithm>

#include "base/error.h"

namespace msmodelslim {
namespace {

constexpr const char* kRemedy = "the file is damaged or cut; download it again";
constexpr std::uint64_t kEndSize = 22;
constexpr std::uint64_t kEnd64Size = 56;
constexpr std::uint64_t kLocatorSize = 20;
constexpr std::uint64_t kDirectorySize = 46;
constexpr std::uint64_t kLocalSize = 30;
constexpr std::uint64_t kMostEntries = 1 << 20;
constexpr std::uint32_t kElsewhere = 0xffffffffU;

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  std::map<std::string, ZipEntry> read() {
    find_directory();
    std::map<std::string, ZipEntry> entries;
    std::uint64_t at = directory_;
    for (std::uint64_t i = 0; i < count_; ++i) {
      need(at, kDirectorySize);
      if (!has_mark(at, "PK\1\2")) fail("its directory is no list of entries");
      const std::uint64_t name_size = number(at + 28, 2);
      const std::uint64_t extra_size = number(at + 30, 2);
      need(at + kDirectorySize, name_size + extra_size);
      const std::string name(bytes_.substr(at + kDirectorySize, name_size));
      if (number(at + 10, 2) != 0 || (number(at + 8, 2) & 1U) != 0)
        fail(fmt::format("the entry {} is compressed or encrypted", name));
      if (!entries.emplace(name, entry(at, name_size, extra_size)).second)
        fail(fmt::format("the entry {} is there twice", name));
      at += kDirectorySize + name_size + extra_size + number(at + 32, 2);
    }
    return entries;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(fmt::format("{}: {}", where_, what), kRemedy);
  }
  void need(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at)
      fail(fmt::format("it ends at byte {}, {} were expected at {}", bytes_.size(), size, at));
  }
  bool has_mark(std::uint64_t at, std::string_view mark) const {
    return bytes_.substr(at, mark.size()) == mark;
  }
  // Little-endian; the place has been checked.
  std::uint64_t number(std::uint64_t at, int size) const {
    std::uint64_t value = 0;
    for (int i = size - 1; i >= 0; --i)
      value = value << 8 | static_cast<unsigned char>(bytes_[at + static_cast<std::uint64_t>(i)]);
    return value;
  }

  void find_directory() {
    need(0, kEndSize);
    constexpr std::uint64_t kComment = 65535;
    const std::uint64_t first =
        bytes_.size() - std::min<std::uint64_t>(bytes_.size(), kEndSize + kComment);
    const std::size_t end = bytes_.rfind("PK\5\6", bytes_.size() - kEndSize);
    if (end == std::string_view::npos || end < first) fail("it has no end of a ZIP directory");
    count_ = number(end + 10, 2);
    directory_ = number(end + 16, 4);
    if (end >= kLocatorSize && has_mark(end - kLocatorSize, "PK\6\7")) {
      const std::uint64_t large = number(end - kLocatorSize + 8, 8);
      need(large, kEnd64Size);
      if (!has_mark(large, "PK\6\6")) fail("its large directory is not where it should be");
      count_ = number(large + 32, 8);
      directory_ = number(large + 48, 8);
    }
    if (count_ > kMostEntries) fail(fmt::format("it claims {} entries", count_));
  }

  ZipEntry entry(std::uint64_t at, std::uint64_t name_size, std::uint64_t extra_size) const {
    std::uint64_t stored = number(at + 20, 4);
    std::uint64_t size = number(at + 24, 4);
    std::uint64_t local = number(at + 42, 4);
    // The extra field 1 holds those that are too large, in this order.
    std::uint64_t extra = at + kDirectorySize + name_size;
    const std::uint64_t extra_end = extra + extra_size;
    while (extra + 4 <= extra_end) {
      const std::uint64_t length = number(extra + 2, 2);
      std::uint64_t value = extra + 4;
      if (value + length > extra_end) fail("an extra field is cut");
      if (number(extra, 2) == 1)
        for (std::uint64_t* field : {&size, &stored, &local})
          if (*field == kElsewhere) {
            if (value + 8 > extra + 4 + length) fail("an extra field is too short");
            *field = number(value, 8);
            value += 8;
          }
      extra += 4 + length;
    }
    if (stored != size) fail("an entry is stored with another size than its own");
    need(local, kLocalSize);
    if (!has_mark(local, "PK\3\4")) fail("an entry is not where the directory says");
    ZipEntry found;
    found.begin = local + kLocalSize + number(local + 26, 2) + number(local + 28, 2);
    found.size = size;
    need(found.begin, size);
    return found;
  }

  std::string_view bytes_;
  const std::string& where_;
  std::uint64_t count_ = 0;
  std::uint64_t directory_ = 0;
};

}  // namespace

std::map<std::string, ZipEntry> read_zip(std::string_view bytes, const std::string& where) {
  return Reader(bytes, where).read();
}

}  // namespace msmodelslim
