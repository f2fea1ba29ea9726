#pragma once
// "decoder" of tokenizer.json: turns the texts of tokens back into text, step by step.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/component.h"

namespace msmodelslim {

class TokenDecoder {
 public:
  virtual ~TokenDecoder() = default;
  // Rewrites the parts of the text; joined, the parts are the text.
  virtual void apply(std::vector<std::string>& parts) const = 0;
};

std::string join_parts(const std::vector<std::string>& parts, std::string_view separator);

// Throws DataError that names the component for a type that is not supported.
std::unique_ptr<const TokenDecoder> make_token_decoder(const Component& component);

}  // namespace msmodelslim
