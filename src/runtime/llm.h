#pragma once
// Prompts in, answers out: tokenizer, model and scheduler of one folder.

#include <functional>
#include <string>
#include <vector>

#include "runtime/scheduler.h"
#include "text/tokenizer.h"

namespace msmodelslim {

struct Completion {
  std::string prompt;
  std::vector<std::int32_t> prompt_ids;
  std::string text;
  std::vector<std::int32_t> token_ids;  // with the one that ended the answer
  Finish finish = Finish::kNone;
  std::vector<TokenLogprobs> logprobs;         // of token_ids, if asked for
  std::vector<TokenLogprobs> prompt_logprobs;  // of prompt tokens 1, 2 ..., if asked for
};

// Runs with pieces of prompts count as prefill, the others as decode.
struct RunTimes {
  std::int64_t prompt_tokens = 0;
  double prefill_seconds = 0;
  std::int64_t decoded_tokens = 0;
  double decode_seconds = 0;
};

class Llm {
 public:
  // `max_length`: as in ModelRunner.
  explicit Llm(const std::string& folder, std::int64_t max_length = 0,
               const LoadOptions& options = {});

  const Tokenizer& tokenizer() const { return tokenizer_; }
  // What generation_config.json of the folder says, or the defaults of SamplingParams.
  const SamplingParams& default_params() const { return default_params_; }
  // `on_text(i, text)` receives the answer of prompt i piece by piece.
  using OnText = std::function<void(std::size_t, const std::string&)>;
  // Goes on with all prompts, as one batch.
  std::vector<Completion> generate(const std::vector<std::string>& prompts,
                                   const SamplingParams& params, const OnText& on_text = {});
  // Answers each as a user's message of a conversation of its own. DataError when the folder has no
  // chat template.
  std::vector<Completion> chat(const std::vector<std::string>& messages,
                               const SamplingParams& params, const OnText& on_text = {});
  const RunTimes& times() const { return times_; }

 private:
  // `answers` has prompts and their ids.
  std::vector<Completion> run(std::vector<Completion> answers, const SamplingParams& params,
                              const OnText& on_text);

  std::string folder_;
  Tokenizer tokenizer_;
  ModelRunner runner_;
  SamplingParams default_params_;
  std::vector<std::int32_t> end_ids_;
  RunTimes times_;
};

}  // namespace msmodelslim
