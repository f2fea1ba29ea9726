#pragma once
// The text of an answer while its tokens come: whole characters only, and nothing that may turn out
// to be a stop string.

#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace msmodelslim {

class TextStream {
 public:
  // `tokenizer` must outlive the object. Special tokens have no text, except those in `shown`.
  TextStream(const Tokenizer& tokenizer, std::vector<std::string> stop,
             const std::vector<std::string>& shown = {});

  // The text that is certain now. After a stop string was met: what stands before it, then "".
  std::string push(std::int32_t token);
  // The rest, when no more tokens come.
  std::string finish();
  bool stopped() const { return stopped_; }

 private:
  std::string decode(std::size_t count) const;
  std::string release(bool all);

  const Tokenizer& tokenizer_;
  std::vector<std::string> stop_;
  std::vector<std::int32_t> hidden_;  // tokens without a text
  std::vector<std::int32_t> ids_;
  std::size_t context_ = 0;  // ids from here on are decoded, those before `shown_` for context only
  std::size_t shown_ = 0;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace msmodelslim
