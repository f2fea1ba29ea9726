#pragma once
// Text generation on the CPU with a float (Hugging Face), AscendV1 or compressed-tensors folder.
//
//   msmodelslim::LLM llm("Qwen2.5-7B-w8a8", {.max_model_len = 4096});
//   for (const auto& output : llm.generate({"Hello, my name is"}, {.temperature = 0.6}))
//     std::cout << output.text << '\n';
//
// Errors are exceptions derived from std::runtime_error whose what() says what is wrong and where.
// One LLM is for one thread at a time; it computes with all threads it was given.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "msmodelslim/sampling_params.h"

namespace msmodelslim {

struct LLMOptions {
  std::int64_t max_model_len = 0;  // most tokens of prompt and answer; 0: what config.json says
  int threads = 0;                 // of the process; 0: all that it may use
};

struct RequestOutput {
  std::string prompt;
  std::vector<std::int32_t> prompt_token_ids;
  std::string text;
  std::vector<std::int32_t> token_ids;         // with the one that ended the answer
  std::string finish_reason;                   // "stop" or "length"
  std::vector<TokenLogprobs> logprobs;         // of token_ids, if asked for
  std::vector<TokenLogprobs> prompt_logprobs;  // of prompt tokens 1, 2, ..., if asked for
};

class LLM {
 public:
  // `model`: the folder.
  explicit LLM(const std::string& model, const LLMOptions& options = {});
  ~LLM();
  LLM(LLM&&) noexcept;
  LLM& operator=(LLM&&) noexcept;

  // What generation_config.json of the folder says.
  SamplingParams default_sampling_params() const;

  // Receives pieces of the answer to prompt `index` while they come.
  using OnText = std::function<void(std::size_t index, const std::string& piece)>;

  // Goes on with every prompt, all as one batch; outputs in the order of the prompts.
  std::vector<RequestOutput> generate(const std::vector<std::string>& prompts,
                                      const SamplingParams& params = {},
                                      const OnText& on_text = {});
  // Answers each text as the user's message of a conversation of its own, put into words by the
  // model's chat template.
  std::vector<RequestOutput> chat(const std::vector<std::string>& messages,
                                  const SamplingParams& params = {}, const OnText& on_text = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace msmodelslim
