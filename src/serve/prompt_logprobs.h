#pragma once
// vLLM's "prompt_logprobs": how likely each token of a prompt was.

#include <vector>

#include "base/json.h"
#include "runtime/sampler.h"
#include "text/tokenizer.h"

namespace msmodelslim {

// `tokens` are those behind the first one, which has null. Each has {"id": {"logprob", "rank",
// "decoded_token"}}, and so for its `count` likeliest rivals.
Json prompt_logprobs(const Tokenizer& tokenizer, const std::vector<TokenLogprobs>& tokens,
                     int count);

}  // namespace msmodelslim
