#include "runtime/prefix_store.h"

#include <algorithm>

namespace msmodelslim {

std::int64_t common_prefix(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  const auto n = static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
  return std::mismatch(a.begin(), a.begin() + n, b.begin()).first - a.begin();
}

void PrefixStore::keep(std::vector<std::int32_t> ids, SequenceCache cache) {
  ids.resize(static_cast<std::size_t>(cache.length()));
  if (ids.empty() || cache.bytes() > most_bytes_) return;
  std::erase_if(entries_, [&](const Entry& old) {  // what the new one contains
    if (common_prefix(old.ids, ids) < static_cast<std::int64_t>(old.ids.size())) return false;
    bytes_ -= old.cache.bytes();
    return true;
  });
  cache.shrink();
  bytes_ += cache.bytes();
  entries_.push_back({std::move(ids), std::move(cache)});
  for (; bytes_ > most_bytes_; entries_.pop_front()) bytes_ -= entries_.front().cache.bytes();
}

PrefixStore::Match PrefixStore::find(std::span<const std::int32_t> ids) {
  auto best = entries_.end();
  std::int64_t most = 0;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
    if (const std::int64_t common = common_prefix(entry->ids, ids); common > most) {
      most = common;
      best = entry;
    }
  if (best == entries_.end()) return {};
  std::rotate(best, best + 1, entries_.end());
  return {&entries_.back().cache, most};
}

}  // namespace msmodelslim
