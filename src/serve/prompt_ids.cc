#include "serve/prompt_ids.h"

#include <fmt/format.h>

#include <algorithm>

#include "serve/completion_request.h"

namespace msmodelslim {
namespace {

std::int64_t characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

}  // namespace

std::int64_t longest_token(const Tokenizer& tokenizer) {
  std::int64_t longest = 1;
  for (std::int64_t id = 0; id < tokenizer.vocab_size(); ++id)
    longest = std::max(longest, characters(tokenizer.id_to_token(static_cast<std::int32_t>(id))));
  return longest;
}

std::vector<std::int32_t> prompt_ids(const ServedModel& model, const std::string& text,
                                     bool add_special_tokens) {
  const std::int64_t length = characters(text);
  if (length / model.longest_token > model.max_length)
    throw ApiError(400,
                   fmt::format("This model's maximum context length is {} tokens. However, your "
                               "prompt has {} characters, which are more tokens than that. Please "
                               "reduce the length of the prompt.",
                               model.max_length, length));
  return model.tokenizer.encode(text, add_special_tokens);
}

}  // namespace msmodelslim
