#pragma once
// Requests that share a model: they join and leave between two runs of it. A run holds one token of
// every request that answers and, within a budget of rows, pieces of prompts of those that wait.
// A prompt takes over what an earlier or running text has in common with its beginning.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/prefix_store.h"
#include "runtime/runner.h"
#include "runtime/sampler.h"

namespace msmodelslim {

enum class Finish { kNone, kStop, kLength };
const char* finish_name(Finish finish);  // "stop", "length" or ""

struct Sampled {
  std::int64_t request = 0;
  std::int32_t token = 0;
  bool in_answer = true;  // false for a token that only ends the answer
  Finish finish = Finish::kNone;
  std::optional<TokenLogprobs> logprobs;       // if asked for
  std::vector<TokenLogprobs> prompt_logprobs;  // with the first token: of prompt tokens 1, 2 ...
};

class Scheduler {
 public:
  static constexpr std::size_t kKeptBytes = std::size_t{256} << 20;  // of ended requests

  // `end_ids` end an answer unless the request ignores them.
  // At most `most_running` requests are run at once; the others wait in the order of add().
  Scheduler(ModelRunner& runner, std::vector<std::int32_t> end_ids, std::size_t most_running = 64,
            std::size_t kept_bytes = kKeptBytes)
      : runner_(runner),
        end_ids_(std::move(end_ids)),
        most_running_(most_running),
        kept_(kept_bytes) {}

  // UsageError for an empty prompt, a token outside the vocabulary, a prompt that leaves no room
  // for an answer, or wrong parameters. Thread-safe.
  void check(const std::vector<std::int32_t>& prompt, const SamplingParams& params) const;
  // Checks, too. Returns the request's number. An answer ends where max_length() is reached.
  std::int64_t add(std::vector<std::int32_t> prompt, const SamplingParams& params);
  void cancel(std::int64_t request);
  bool idle() const { return requests_.empty(); }
  std::size_t kept_bytes() const { return kept_.bytes(); }  // of ended requests

  struct Progress {
    std::vector<Sampled> sampled;
    std::int64_t prompt_tokens = 0;  // that were computed
    std::int64_t shared_tokens = 0;  // of prompts, taken over
  };
  // One run of the model.
  Progress step();

 private:
  struct Request {
    std::int64_t id;
    std::vector<std::int32_t> ids;  // prompt and answer
    std::int64_t prompt;            // tokens
    SamplingParams params;
    Sampler sampler;
    SequenceCache cache;
    std::vector<TokenLogprobs> prompt_logprobs;
  };
  void truncate(std::vector<std::int32_t>* prompt, const SamplingParams& params) const;
  // Tokens that a request took over; it has not been run.
  std::int64_t take_over(Request& request);
  void end(std::int64_t request);  // its keys and values are kept
  SequenceStep next_step(Request& request, std::int64_t* room) const;
  void note_prompt(Request& request, const SequenceStep& step, std::span<const float> logits) const;
  Sampled sample(Request& request, std::span<float> logits) const;
  Finish ending(const Request& request, std::int32_t token, bool* in_answer) const;

  ModelRunner& runner_;
  std::vector<std::int32_t> end_ids_;
  std::size_t most_running_;
  std::vector<std::unique_ptr<Request>> requests_;  // the first most_running_ are run
  std::int64_t next_id_ = 0;
  PrefixStore kept_;
};

}  // namespace msmodelslim
