#pragma once
// Tokens and their ids. The texts lie behind each other in one buffer; two flat tables lead to
// them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim {

class Vocabulary {
 public:
  static constexpr std::int64_t kMaxId = (1 << 24) - 1;

  // `id` is in [0, kMaxId]. Tokens can be looked up after index().
  void add(std::string_view token, std::int32_t id);
  // Builds the tables. Returns a token that was added twice, or nothing.
  std::optional<std::string> index();

  std::optional<std::int32_t> find(std::string_view token) const;
  bool has_id(std::int64_t id) const;
  std::string_view token(std::int32_t id) const;  // has_id(id) must hold
  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }
  // One more than the largest id.
  std::int64_t id_end() const { return static_cast<std::int64_t>(by_id_.size()); }

 private:
  struct Entry {
    std::uint64_t offset;
    std::uint32_t length;
    std::int32_t id;
  };
  struct Slot {
    std::uint32_t tag;
    std::int32_t entry;  // -1: free
  };

  std::string_view text(const Entry& entry) const {
    return std::string_view(texts_).substr(entry.offset, entry.length);
  }

  std::string texts_;
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;          // power of two, linear probing
  std::vector<std::int32_t> by_id_;  // entry of an id, -1: none
};

}  // namespace msmodelslim
