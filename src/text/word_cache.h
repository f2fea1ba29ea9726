#pragma once
// Ids of words that were seen before in the same call: text repeats itself, merging does not have
// to. Direct-mapped, one cache line for each slot; long words are left out.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace msmodelslim {

class WordCache {
 public:
  // Sized for a text of that many bytes.
  explicit WordCache(std::size_t text_bytes);

  // Appends the ids of `word` and returns true when they are known.
  bool find(std::string_view word, std::vector<std::int32_t>& ids);
  // Remembers count ids for the word that find() was last called with.
  void store(std::string_view word, const std::int32_t* ids, std::size_t count);

 private:
  static constexpr std::size_t kMaxBytes = 31;
  static constexpr std::size_t kMaxIds = 7;
  struct alignas(64) Slot {
    std::uint8_t length = 0;  // of the word; 0: free
    char word[kMaxBytes];
    std::uint32_t count;
    std::int32_t ids[kMaxIds];
  };

  std::vector<Slot> slots_;
  std::size_t at_ = 0;  // slot of the last find()
};

}  // namespace msmodelslim
