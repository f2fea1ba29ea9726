#pragma once
// Log-likelihoods of continuations, as lm-evaluation-harness defines them.

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/runner.h"
#include "text/tokenizer.h"

namespace msmodelslim {

struct Likelihood {
  double log = 0;       // sum of the log-probabilities of the continuation's tokens
  bool greedy = false;  // each of them is the most likely one
};

// A text and what may follow it; every continuation has at least one character.
struct ChoiceItem {
  std::string context;
  std::vector<std::string> continuations;
};

class ChoiceScorer {
 public:
  ChoiceScorer(ModelRunner& runner, const Tokenizer& tokenizer)
      : runner_(runner), tokenizer_(tokenizer) {}

  // One list per item. The context is run once for all its continuations. What is longer than the
  // model loses its beginning.
  std::vector<std::vector<Likelihood>> score(const std::vector<ChoiceItem>& items);

 private:
  struct Pair {
    std::vector<std::int32_t> context;
    std::vector<std::int32_t> continuation;
  };
  Pair encode(std::string context, std::string continuation) const;
  void score_item(const std::vector<Pair>& pairs, std::vector<Likelihood>* out);
  Likelihood read(const float* logits, const std::vector<std::int32_t>& continuation) const;

  ModelRunner& runner_;
  const Tokenizer& tokenizer_;
};

}  // namespace msmodelslim
