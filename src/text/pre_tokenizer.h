#pragma once
// "pre_tokenizer" of tokenizer.json: cuts a text into words; merges never cross their borders.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/component.h"

namespace msmodelslim {

// A text and its words, in order. Pre-tokenizers divide words and may rewrite the text.
struct WordList {
  struct Word {
    std::size_t begin;
    std::size_t end;
  };
  std::string text;
  std::vector<Word> words;  // none is empty
  bool at_start = false;    // text[0] is the start of what the caller gave to encode

  std::string_view view(const Word& word) const {
    return std::string_view(text).substr(word.begin, word.end - word.begin);
  }
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(WordList& list) const = 0;
};

// Throws DataError that names the component for a type that is not supported.
std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const Component& component);

}  // namespace msmodelslim
