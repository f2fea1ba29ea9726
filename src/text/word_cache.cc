#include "text/word_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/hash.h"

namespace msmodelslim {

WordCache::WordCache(std::size_t text_bytes)
    : slots_(std::bit_ceil(std::clamp<std::size_t>(text_bytes / 8, 16, 1 << 15))) {}

bool WordCache::find(std::string_view word, std::vector<std::int32_t>& ids) {
  if (word.size() > kMaxBytes) return false;
  at_ = hash_bytes(word.data(), word.size()) & (slots_.size() - 1);
  const Slot& slot = slots_[at_];
  if (slot.length != word.size() || std::memcmp(slot.word, word.data(), word.size()) != 0)
    return false;
  ids.insert(ids.end(), slot.ids, slot.ids + slot.count);
  return true;
}

void WordCache::store(std::string_view word, const std::int32_t* ids, std::size_t count) {
  if (word.size() > kMaxBytes || count > kMaxIds) return;
  Slot& slot = slots_[at_];
  slot.length = static_cast<std::uint8_t>(word.size());
  std::copy(word.begin(), word.end(), slot.word);
  slot.count = static_cast<std::uint32_t>(count);
  std::copy(ids, ids + count, slot.ids);
}

}  // namespace msmodelslim
