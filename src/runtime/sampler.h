#pragma once
// The next token out of logits. Source: the order of vLLM's sampler: penalties, temperature, min_p,
// top_k, top_p, draw.

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace msmodelslim {

struct SamplingParams {
  std::int64_t max_tokens = 16;
  double temperature = 1.0;         // 0: the most likely token
  double top_p = 1.0;               // (0, 1]
  std::int64_t top_k = 0;           // 0 or -1: all
  double min_p = 0.0;               // [0, 1]: of the largest probability
  double repetition_penalty = 1.0;  // > 0: of tokens in prompt or answer
  double presence_penalty = 0.0;    // of tokens in the answer
  double frequency_penalty = 0.0;   // the same, times their number
  std::optional<std::uint64_t> seed;
  std::vector<std::string> stop;
  std::vector<std::int32_t> stop_token_ids;
  bool ignore_eos = false;
  std::vector<std::vector<std::int32_t>> openings;  // if any: the answer begins with one of them
  // Log-probabilities of each token of the answer and of so many likeliest ones, before penalties,
  // temperature and cuts; the same of the tokens of the prompt.
  std::optional<int> logprobs;
  std::optional<int> prompt_logprobs;

  bool greedy() const { return temperature < 1e-5; }
  // Throws UsageError for a value out of its range.
  void check() const;
};

struct TokenLogprobs {
  std::int32_t token = 0;
  float logprob = 0;
  std::int64_t rank = 1;                            // 1: no token is likelier
  std::vector<std::pair<std::int32_t, float>> top;  // the likeliest first
};

// Of `token` in a row of log-probabilities, with the `count` likeliest.
TokenLogprobs token_logprobs(std::span<const float> row, std::int32_t token, int count);

// Draws the tokens of one sequence.
class Sampler {
 public:
  // `fallback_seed` counts when the parameters have none.
  Sampler(const SamplingParams& params, std::span<const std::int32_t> prompt,
          std::uint64_t fallback_seed);
  // Changes the logits. The token is remembered for the penalties.
  std::int32_t next(std::span<float> logits);

 private:
  void penalize(std::span<float> logits) const;
  std::vector<std::int32_t> opening_tokens() const;

  SamplingParams params_;
  std::mt19937_64 random_;
  std::vector<std::int32_t> prompt_;
  std::vector<std::int32_t> answer_;
};

}  // namespace msmodelslim
