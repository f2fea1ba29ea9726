#pragma once
// Keys and values of texts that were run, so that a later one that begins alike (the same system
// prompt, the same conversation) takes them over instead of computing them again.

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "runtime/kv_cache.h"

namespace msmodelslim {

// Length of the common beginning.
std::int64_t common_prefix(std::span<const std::int32_t> a, std::span<const std::int32_t> b);

class PrefixStore {
 public:
  // Keeps so many bytes of keys and values at most, those used last.
  explicit PrefixStore(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  // `cache` holds the first cache.length() tokens of `ids`.
  void keep(std::vector<std::int32_t> ids, SequenceCache cache);
  // The cache that shares the longest beginning with `ids` and its length; null, 0 when none does.
  struct Match {
    const SequenceCache* cache = nullptr;
    std::int64_t tokens = 0;
  };
  Match find(std::span<const std::int32_t> ids);
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::vector<std::int32_t> ids;
    SequenceCache cache;
  };
  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::deque<Entry> entries_;  // the one used last at the end
};

}  // namespace msmodelslim
