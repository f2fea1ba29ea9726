#pragma once
// Byte pair encoding of one word: merge the pair of lowest rank, leftmost first, until no pair of
// neighbours is left in the table.

#include <cstdint>
#include <vector>

#include "text/pair_table.h"

namespace msmodelslim {

// Merges `ids` in place. O(n log n) for long words.
void merge_word(std::vector<std::int32_t>& ids, const PairTable& merges);

// The same where some tokens only are steps between others (SentencePiece's unused pieces,
// `unused` by id): those that are left are cut again, each at the cut that was looked at last for
// it, wherever in `ids` that was.
void merge_word(std::vector<std::int32_t>& ids, const PairTable& merges,
                const std::vector<bool>& unused);

// The definition, word for word, in O(n^2): for short words, and the oracle of the tests.
void merge_word_by_scan(std::vector<std::int32_t>& ids, const PairTable& merges);

}  // namespace msmodelslim
