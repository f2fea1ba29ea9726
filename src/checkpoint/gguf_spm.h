#pragma once
// Merges of a SentencePiece BPE vocabulary, which stores only a score per piece.

#include <string>
#include <utility>
#include <vector>

#include "checkpoint/gguf_tokenizer.h"

namespace msmodelslim {

// Every way to cut a piece into two pieces is a merge; merges are ordered by falling score of the
// result, then by its id, then by the ids of the parts (the order of transformers' SentencePiece
// converter when it made the published tokenizer.json files).
std::vector<std::pair<std::string_view, std::string_view>> merges_from_scores(
    const GgufVocab& vocab);

}  // namespace msmodelslim
