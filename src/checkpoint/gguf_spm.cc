#include "checkpoint/gguf_spm.h"

#include <algorithm>
#include <unordered_map>

namespace msmodelslim {

std::vector<std::pair<std::string_view, std::string_view>> merges_from_scores(
    const GgufVocab& vocab) {
  struct Merge {
    std::size_t piece, left, right;
  };
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t i = 0; i < vocab.model_size; ++i) ids.emplace(vocab.tokens[i], i);
  std::vector<Merge> merges;
  for (std::size_t i = 0; i < vocab.model_size; ++i) {
    if (vocab.types[i] != GgufTokenType::kNormal) continue;
    const std::string_view piece = vocab.tokens[i];
    for (std::size_t cut = 1; cut < piece.size(); ++cut) {
      if ((static_cast<unsigned char>(piece[cut]) & 0xc0U) == 0x80U)
        continue;  // inside a character
      const auto left = ids.find(piece.substr(0, cut));
      if (left == ids.end()) continue;
      const auto right = ids.find(piece.substr(cut));
      if (right != ids.end()) merges.push_back({i, left->second, right->second});
    }
  }
  std::sort(merges.begin(), merges.end(), [&](const Merge& a, const Merge& b) {
    if (vocab.scores[a.piece] != vocab.scores[b.piece])
      return vocab.scores[a.piece] > vocab.scores[b.piece];
    if (a.piece != b.piece) return a.piece < b.piece;
    return a.left != b.left ? a.left < b.left : a.right < b.right;
  });
  std::vector<std::pair<std::string_view, std::string_view>> result;
  result.reserve(merges.size());
  for (const Merge& merge : merges)
    result.emplace_back(vocab.tokens[merge.left], vocab.tokens[merge.right]);
  return result;
}

}  // namespace msmodelslim
