#pragma once
// "model" of tokenizer.json, type BPE: the ids of one word.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/component.h"
#include "text/pair_table.h"
#include "text/token_model.h"
#include "text/vocabulary.h"
#include "text/word_cache.h"

namespace msmodelslim {

// The "merges" list; texts lie behind each other, in the order left, right, left, right ...
struct MergeList {
  std::string texts;
  std::vector<std::uint64_t> ends;   // one for each text
  std::vector<std::uint32_t> ranks;  // one for each merge; empty: its place in the list
  std::size_t size() const { return ends.size() / 2; }
  std::string_view text(std::size_t index) const {
    const std::uint64_t begin = index == 0 ? 0 : ends[index - 1];
    return std::string_view(texts).substr(begin, ends[index] - begin);
  }
  void add(std::string_view token) {
    texts.append(token);
    ends.push_back(texts.size());
  }
};

class BpeModel final : public TokenModel {
 public:
  // `component` holds the fields of the model without "vocab" and "merges". `unused`: tokens by id
  // that are no results, see bpe_merge.h; empty for none.
  BpeModel(const Component& component, Vocabulary vocabulary, const MergeList& merges,
           std::vector<bool> unused = {});

  void encode(std::string_view word, WordCache& cache,
              std::vector<std::int32_t>& ids) const override;

 private:
  void check_type(const Component& component) const;
  void read_merges(const Component& component, const MergeList& merges);
  void read_characters();
  void encode_part(std::string_view part, WordCache& cache, std::vector<std::int32_t>& ids) const;
  void initial_symbols(std::string_view part, std::vector<std::int32_t>& ids) const;
  std::int32_t character_id(std::int32_t code) const;
  std::optional<std::int32_t> affixed_id(std::string_view character, bool first, bool last) const;
  bool append_bytes(std::string_view text, std::vector<std::int32_t>& ids) const;
  std::int32_t unknown_id() const;

  std::string where_;
  PairTable merges_;                      // pair of ids -> merge
  PairTable junctions_;                   // pairs of characters that some merge brings together
  std::vector<std::int32_t> characters_;  // id of a code point, -1: none
  std::vector<std::int32_t> bytes_;       // id of <0x00> .. <0xFF>, -1: none; empty: no fallback
  std::string prefix_;                    // of every symbol but a word's first
  std::string suffix_;                    // of a word's last symbol
  std::optional<std::string> unknown_token_;
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;
  std::vector<bool> unused_;
};

}  // namespace msmodelslim
