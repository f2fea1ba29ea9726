#include "text/unigram_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "text/utf8.h"

namespace msmodelslim {
namespace {

constexpr float kUnknownPenalty = 10;        // below the worst piece
constexpr float kUserDefinedPenalty = 0.1F;  // less than of any other piece

}  // namespace

UnigramModel::UnigramModel(const SpmModel& model, Vocabulary vocabulary)
    : TokenModel(std::move(vocabulary)) {
  vocabulary_.index();
  float least = std::numeric_limits<float>::max();
  max_score_ = std::numeric_limits<float>::min();  // sic: no less than about 0
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const SpmPiece& piece = model.pieces[i];
    const bool user_defined = piece.type == PieceType::kUserDefined;
    if (piece.type != PieceType::kNormal && !user_defined) continue;
    const auto id = static_cast<std::int32_t>(i);
    pieces_.push_back({vocabulary_.token(id), id, piece.score, user_defined});
    if (user_defined) continue;
    least = std::min(least, piece.score);
    max_score_ = std::max(max_score_, piece.score);
  }
  std::sort(pieces_.begin(), pieces_.end(),
            [](const Piece& a, const Piece& b) { return a.text < b.text; });
  unknown_ = static_cast<std::int32_t>(model.unk_id);
  unknown_score_ = least - kUnknownPenalty;
  if (!model.byte_fallback) return;
  for (int value = 0; value < 256; ++value)
    bytes_.push_back(vocabulary_.find(fmt::format("<0x{:02X}>", value)).value_or(unknown_));
}

// Offers every piece that begins at `begin` to the place where it ends.
void UnigramModel::extend(std::string_view word, std::size_t begin,
                          std::vector<Node>& nodes) const {
  const float so_far = nodes[begin].score;
  const auto offer = [&](std::size_t end, std::int32_t id, float score) {
    Node& node = nodes[end];
    if (node.id < 0 || score > node.score) node = {begin, id, score};
  };
  const std::size_t character = char_length(word[begin]);
  bool covered = false;
  auto first = pieces_.begin();
  auto last = pieces_.end();
  for (std::size_t depth = 0; begin + depth < word.size() && first != last; ++depth) {
    const auto byte = static_cast<std::uint8_t>(word[begin + depth]);
    const auto at = [depth](const Piece& piece) {
      return static_cast<std::uint8_t>(piece.text[depth]);
    };
    first = std::partition_point(first, last, [&](const Piece& p) { return at(p) < byte; });
    last = std::partition_point(first, last, [&](const Piece& p) { return at(p) <= byte; });
    if (first == last || first->text.size() != depth + 1) continue;
    const float score = first->user_defined
                            ? static_cast<float>(depth + 1) * max_score_ - kUserDefinedPenalty
                            : first->score;
    offer(begin + depth + 1, first->id, score + so_far);
    covered = covered || depth + 1 == character;
    ++first;  // the others are longer
  }
  if (!covered) offer(begin + character, unknown_, unknown_score_ + so_far);
}

void UnigramModel::encode(std::string_view word, WordCache&, std::vector<std::int32_t>& ids) const {
  std::vector<Node> nodes(word.size() + 1);
  for (std::size_t pos = 0; pos < word.size(); pos += char_length(word[pos]))
    extend(word, pos, nodes);
  std::vector<std::size_t> ends;
  for (std::size_t end = word.size(); end > 0; end = nodes[end].begin) ends.push_back(end);
  bool after_unknown = false;
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    const Node& node = nodes[*end];
    const bool unknown = node.id == unknown_;
    if (unknown)
      append_unknown(word.substr(node.begin, *end - node.begin), after_unknown, ids);
    else
      ids.push_back(node.id);
    after_unknown = unknown;
  }
}

// Neighbours that are unknown are one token, their bytes one each.
void UnigramModel::append_unknown(std::string_view text, bool after_unknown,
                                  std::vector<std::int32_t>& ids) const {
  if (bytes_.empty() && after_unknown) return;
  if (bytes_.empty()) return ids.push_back(unknown_);
  for (const char c : text) ids.push_back(bytes_[static_cast<std::uint8_t>(c)]);
}

}  // namespace msmodelslim
