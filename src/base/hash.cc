#include "base/hash.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/interrupt.h"

namespace msmodelslim {
namespace {

constexpr std::size_t kDigits = 16;  // hex, of half a Hash128

std::uint64_t half(const std::string& text, std::size_t begin) {
  std::uint64_t value = 0;
  const char* from = text.data() + begin;
  const auto result = std::from_chars(from, from + kDigits, value, 16);
  if (result.ec != std::errc() || result.ptr != from + kDigits)
    throw DataError(fmt::format("'{}' is no 128-bit hash", text),
                    "the file it stands in was changed; make it anew");
  return value;
}

// Closes what it holds.
struct Descriptor {
  explicit Descriptor(const std::string& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int fd;
};

[[noreturn]] void fail_reading(const std::string& path) {
  throw DataError(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)),
                  "check that the file is there and readable");
}

}  // namespace

std::uint64_t hash_bytes(const void* data, std::size_t size) { return XXH3_64bits(data, size); }

std::string Hash128::text() const { return fmt::format("{:016x}{:016x}", high, low); }

Hash128 hash128_bytes(const void* data, std::size_t size) {
  const XXH128_hash_t hash = XXH3_128bits(data, size);
  return {hash.high64, hash.low64};
}

Hash128 hash128_from_text(const std::string& text) {
  if (text.size() != 2 * kDigits)
    throw DataError(fmt::format("'{}' is no 128-bit hash", text),
                    "the file it stands in was changed; make it anew");
  return {half(text, 0), half(text, kDigits)};
}

std::string sha256_of_file(const std::string& path) {
  const Descriptor file(path);
  if (file.fd < 0) fail_reading(path);
  ::posix_fadvise(file.fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  bool good = context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  std::vector<char> piece(1 << 20);
  while (good) {
    check_interrupted();
    const ssize_t got = ::read(file.fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_reading(path);
    if (got == 0) break;
    good = EVP_DigestUpdate(context.get(), piece.data(), static_cast<std::size_t>(got)) == 1;
  }
  if (!good || EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1)
    throw ResourceError("libcrypto cannot compute SHA-256",
                        "leave --sha256 out, or allow this algorithm in the system's OpenSSL");
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace msmodelslim
