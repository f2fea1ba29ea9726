#include "text/score_merges.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <unordered_map>

namespace msmodelslim {

std::vector<PieceMerge> merges_from_ranks(std::span<const MergePiece> pieces) {
  std::unordered_map<std::string_view, std::uint32_t> places;
  places.reserve(pieces.size());
  for (std::uint32_t i = 0; i < pieces.size(); ++i)
    if (pieces[i].part) places.emplace(pieces[i].text, i);
  std::vector<PieceMerge> merges;
  for (std::uint32_t i = 0; i < pieces.size(); ++i) {
    if (!pieces[i].result) continue;
    const std::string_view piece = pieces[i].text;
    for (std::size_t cut = 1; cut < piece.size(); ++cut) {
      if ((static_cast<unsigned char>(piece[cut]) & 0xc0U) == 0x80U)
        continue;  // inside a character
      const auto left = places.find(piece.substr(0, cut));
      if (left == places.end()) continue;
      const auto right = places.find(piece.substr(cut));
      if (right != places.end()) merges.push_back({i, left->second, right->second});
    }
  }
  const auto key = [&](const PieceMerge& merge) {
    return std::tuple(pieces[merge.piece].rank, merge.piece, merge.left, merge.right);
  };
  std::sort(merges.begin(), merges.end(),
            [&](const PieceMerge& a, const PieceMerge& b) { return key(a) < key(b); });
  return merges;
}

std::vector<std::uint32_t> ranks_of_scores(std::span<const float> scores) {
  std::vector<float> sorted(scores.begin(), scores.end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<std::uint32_t> ranks;
  ranks.reserve(scores.size());
  for (const float score : scores)
    ranks.push_back(static_cast<std::uint32_t>(
        std::lower_bound(sorted.begin(), sorted.end(), score, std::greater<>()) - sorted.begin()));
  return ranks;
}

}  // namespace msmodelslim
