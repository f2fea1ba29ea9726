#pragma once
// How the next token is chosen. Names, defaults and meaning are vLLM's.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace msmodelslim {

struct SamplingParams {
  std::int64_t max_tokens = 16;     // >= 1
  double temperature = 1.0;         // >= 0; 0: the most likely token
  double top_p = 1.0;               // (0, 1]
  std::int64_t top_k = 0;           // 0 or -1: all
  double min_p = 0.0;               // [0, 1]: of the largest probability
  double repetition_penalty = 1.0;  // > 0: of tokens in prompt or answer
  double presence_penalty = 0.0;    // [-2, 2]: of tokens in the answer
  double frequency_penalty = 0.0;   // [-2, 2]: the same, times their number
  std::optional<std::uint64_t> seed = {};
  std::vector<std::string> stop = {};  // texts that end an answer; they are no part of it
  std::vector<std::int32_t> stop_token_ids = {};
  bool ignore_eos = false;
  // Only so many last tokens of the prompt count; -1: as many as leave room for max_tokens.
  std::optional<std::int64_t> truncate_prompt_tokens = {};
  // If any: the answer begins with one of these token sequences.
  std::vector<std::vector<std::int32_t>> openings = {};
  // Log-probabilities of each token of the answer and of so many likeliest ones (0 to 20), before
  // penalties, temperature and cuts; the same of the tokens of the prompt.
  std::optional<int> logprobs = {};
  std::optional<int> prompt_logprobs = {};

  bool greedy() const { return temperature < 1e-5; }
};

struct TokenLogprobs {
  std::int32_t token = 0;
  float logprob = 0;
  std::int64_t rank = 1;                            // 1: no token is likelier
  std::vector<std::pair<std::int32_t, float>> top;  // the likeliest first
};

}  // namespace msmodelslim
