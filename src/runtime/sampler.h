#pragma once
// The next token out of logits. Source: the order of vLLM's sampler: penalties, temperature, min_p,
// top_k, top_p, draw.

#include <msmodelslim/sampling_params.h>

#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace msmodelslim {

// Throws UsageError for a value out of its range.
void check_params(const SamplingParams& params);

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
