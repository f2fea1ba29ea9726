#pragma once
// The replacements of characters that a SentencePiece model carries (precompiled_charsmap), e.g.
// NFKC:
//
//   u32 n | n bytes: trie, u32 units | texts, each ends with a zero byte        (little-endian)
//
// The trie is a double array as darts-clone writes it. A unit holds
//
//   bits 0-7 label, bit 8 has_leaf, bit 9 and 10-31 offset; or, of a leaf, bits 0-30 the value:
//   where the replacement begins in the texts.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim {

class Charsmap {
 public:
  Charsmap() = default;  // replaces nothing
  // "" replaces nothing. Throws DataError that names `where` for damaged bytes.
  Charsmap(std::string_view bytes, const std::string& where);

  // What the longest key that begins at `pos` of `text` becomes, and the key's length in `used`;
  // nothing where no key begins. Both texts are valid UTF-8.
  std::optional<std::string_view> find(std::string_view text, std::size_t pos,
                                       std::size_t& used) const;

 private:
  std::vector<std::uint32_t> units_;
  std::string texts_;
};

}  // namespace msmodelslim
