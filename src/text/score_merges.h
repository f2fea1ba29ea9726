#pragma once
// Merges of a vocabulary that says only how good each token is: SentencePiece's BPE models and
// tiktoken files. Two neighbours merge when the two together are a token, the best token first; so
// every way to cut a token into two tokens is a merge.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace msmodelslim {

struct MergePiece {
  std::string_view text;
  std::uint32_t rank = 0;  // lower merges first
  bool result = true;      // it may come of a merge
  bool part = true;        // it may go into one
};

struct PieceMerge {  // places in the list of pieces
  std::uint32_t piece, left, right;
};

// Cuts are between characters. Ordered by the rank of the result, then by its place, then by the
// places of the parts.
std::vector<PieceMerge> merges_from_ranks(std::span<const MergePiece> pieces);

// The rank of each score: 0 for the highest, the same for equal ones. None is NaN.
std::vector<std::uint32_t> ranks_of_scores(std::span<const float> scores);

}  // namespace msmodelslim
