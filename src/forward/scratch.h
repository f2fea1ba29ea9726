#pragma once
// What the forward and the backward pass of a block share: buffers that grow, and how rows are cut.

#include <cstdint>

#include "base/raw_vector.h"

namespace msmodelslim {

inline constexpr std::int64_t kRowGrain = 32;  // rows of one task

// The buffer's memory, with room for `count` values; what it held is kept.
inline float* sized(RawVector<float>& buffer, std::int64_t count) {
  if (buffer.size() < static_cast<std::size_t>(count))
    buffer.resize(static_cast<std::size_t>(count));
  return buffer.data();
}

}  // namespace msmodelslim
