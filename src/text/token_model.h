#pragma once
// What turns words into ids: BPE (bpe_model.h) or Unigram (unigram_model.h).

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "text/vocabulary.h"
#include "text/word_cache.h"

namespace msmodelslim {

class TokenModel {
 public:
  virtual ~TokenModel() = default;
  // Appends the ids of `word` (valid UTF-8, not empty). Thread-safe with a cache for each thread.
  virtual void encode(std::string_view word, WordCache& cache,
                      std::vector<std::int32_t>& ids) const = 0;
  const Vocabulary& vocabulary() const { return vocabulary_; }

 protected:
  explicit TokenModel(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  Vocabulary vocabulary_;
};

}  // namespace msmodelslim
