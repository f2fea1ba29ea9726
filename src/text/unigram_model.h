#pragma once
// SentencePiece's Unigram model: the pieces whose scores have the largest sum (T. Kudo,
// "Subword Regularization", arXiv 1804.10959; Viterbi search).

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "text/spm_proto.h"
#include "text/token_model.h"

namespace msmodelslim {

class UnigramModel final : public TokenModel {
 public:
  // `model` must have a piece for what no other piece covers.
  UnigramModel(const SpmModel& model, Vocabulary vocabulary);

  void encode(std::string_view word, WordCache& cache,
              std::vector<std::int32_t>& ids) const override;

 private:
  struct Piece {
    std::string_view text;  // in the vocabulary
    std::int32_t id;
    float score;
    bool user_defined;
  };
  // The best way to a place in the text.
  struct Node {
    std::size_t begin = 0;  // of the piece that ends here
    std::int32_t id = -1;   // -1: no piece ends here yet
    float score = 0;
  };

  void extend(std::string_view word, std::size_t begin, std::vector<Node>& nodes) const;
  void append_unknown(std::string_view text, bool after_unknown,
                      std::vector<std::int32_t>& ids) const;

  std::vector<Piece> pieces_;        // sorted by text
  std::vector<std::int32_t> bytes_;  // id of each byte; empty: no fallback
  std::int32_t unknown_ = 0;
  float unknown_score_ = 0;
  float max_score_ = 0;
};

}  // namespace msmodelslim
