#pragma once
// Reads tokenizer.json in one pass. "model.vocab" and "model.merges", hundreds of thousands of
// entries, go straight into their tables; the rest becomes a small Json.

#include <string>
#include <string_view>

#include "base/json.h"
#include "text/bpe_model.h"
#include "text/vocabulary.h"

namespace msmodelslim {

struct TokenizerJson {
  Json fields;  // the file without model.vocab and model.merges
  Vocabulary vocabulary;
  MergeList merges;
};

// Throws DataError that names `where` for text that is not a tokenizer.json.
TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& where);

}  // namespace msmodelslim
