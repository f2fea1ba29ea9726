#pragma once
// 64-bit content hash of bytes (XXH3), for "was it written as it was meant". Not cryptographic.

#include <cstddef>
#include <cstdint>

namespace msmodelslim {

std::uint64_t hash_bytes(const void* data, std::size_t size);

}  // namespace msmodelslim
