#pragma once
// Content hashes of bytes. XXH3 tells at memory speed whether something was written as it was
// meant; it is not cryptographic. SHA-256 is what model hubs and sha256sum show.

#include <cstddef>
#include <cstdint>
#include <string>

namespace msmodelslim {

std::uint64_t hash_bytes(const void* data, std::size_t size);  // XXH3, 64 bits

struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Hash128&) const = default;
  std::string text() const;  // 32 hex digits, as `xxhsum -H2` prints them
};

Hash128 hash128_bytes(const void* data, std::size_t size);  // XXH3, 128 bits
// DataError when it is not what text() gives.
Hash128 hash128_from_text(const std::string& text);

// 64 hex digits, as sha256sum prints them. The file is read once, in pieces. ResourceError or
// DataError when it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace msmodelslim
