#pragma once
// Texts of requests as tokens.

#include <cstdint>
#include <string>
#include <vector>

#include "serve/served_model.h"

namespace msmodelslim {

// Characters of the longest token.
std::int64_t longest_token(const Tokenizer& tokenizer);

// Throws ApiError for a text that cannot fit into the model's length, before any time goes into it.
std::vector<std::int32_t> prompt_ids(const ServedModel& model, const std::string& text,
                                     bool add_special_tokens);

}  // namespace msmodelslim
