#pragma once
// Flat hash table from a pair of 32-bit numbers to a merge; the inner loop of BPE lives in find().

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace msmodelslim {

struct Merge {
  std::uint32_t rank;   // lower merges first
  std::int32_t new_id;  // token that the pair becomes
};

class PairTable {
 public:
  // The first call fixes the capacity: room for `count` pairs.
  void reserve(std::size_t count) {
    slots_.assign(std::bit_ceil(2 * count + 2), Slot{kFree, {0, 0}});
    shift_ = 64 - std::countr_zero(slots_.size());
  }

  // A pair that is already there takes the new value.
  void set(std::int32_t left, std::int32_t right, Merge merge) {
    const std::uint64_t key = pair_key(left, right);
    std::size_t at = home(key);
    while (slots_[at].key != kFree && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {key, merge};
  }

  const Merge* find(std::int32_t left, std::int32_t right) const {
    const std::uint64_t key = pair_key(left, right);
    for (std::size_t at = home(key);; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at].key == key) return &slots_[at].merge;
      if (slots_[at].key == kFree) return nullptr;
    }
  }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};  // ids are never negative
  struct Slot {
    std::uint64_t key;
    Merge merge;
  };

  static std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }
  std::size_t home(std::uint64_t key) const {
    key ^= key >> 29;
    return static_cast<std::size_t>(key * 0x9E3779B97F4A7C15ULL >> shift_);
  }

  std::vector<Slot> slots_ = std::vector<Slot>(2, Slot{kFree, {0, 0}});
  int shift_ = 63;
};

}  // namespace msmodelslim
