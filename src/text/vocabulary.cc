#include "text/vocabulary.h"

#include <algorithm>
#include <bit>

#include "base/hash.h"

namespace msmodelslim {

void Vocabulary::add(std::string_view token, std::int32_t id) {
  entries_.push_back({texts_.size(), static_cast<std::uint32_t>(token.size()), id});
  texts_.append(token);
}

std::optional<std::string> Vocabulary::index() {
  std::int32_t largest = -1;
  for (const Entry& entry : entries_) largest = std::max(largest, entry.id);
  by_id_.assign(static_cast<std::size_t>(largest + 1), -1);
  slots_.assign(std::bit_ceil(2 * entries_.size() + 2), Slot{0, -1});
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    by_id_[static_cast<std::size_t>(entry.id)] = static_cast<std::int32_t>(i);
    const std::uint64_t hash = hash_bytes(texts_.data() + entry.offset, entry.length);
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    std::size_t at = hash & mask;
    for (; slots_[at].entry >= 0; at = (at + 1) & mask) {
      const Entry& other = entries_[static_cast<std::size_t>(slots_[at].entry)];
      if (slots_[at].tag == tag && text(other) == text(entry)) return std::string(text(entry));
    }
    slots_[at] = {tag, static_cast<std::int32_t>(i)};
  }
  return std::nullopt;
}

std::optional<std::int32_t> Vocabulary::find(std::string_view token) const {
  if (slots_.empty()) return std::nullopt;
  const std::size_t mask = slots_.size() - 1;
  const std::uint64_t hash = hash_bytes(token.data(), token.size());
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  for (std::size_t at = hash & mask; slots_[at].entry >= 0; at = (at + 1) & mask) {
    const Entry& entry = entries_[static_cast<std::size_t>(slots_[at].entry)];
    if (slots_[at].tag == tag && text(entry) == token) return entry.id;
  }
  return std::nullopt;
}

bool Vocabulary::has_id(std::int64_t id) const {
  return id >= 0 && id < id_end() && by_id_[static_cast<std::size_t>(id)] >= 0;
}

std::string_view Vocabulary::token(std::int32_t id) const {
  return text(entries_[static_cast<std::size_t>(by_id_[static_cast<std::size_t>(id)])]);
}

}  // namespace msmodelslim
