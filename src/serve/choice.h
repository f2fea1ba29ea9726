#pragma once
// One answer of a response while its tokens come: text, log-probabilities, why it ended.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "runtime/scheduler.h"
#include "runtime/text_stream.h"

namespace msmodelslim {

// "logprobs" of /v1/completions: parallel lists, a token each.
class LogprobLists {
 public:
  explicit LogprobLists(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  void add(const TokenLogprobs& token);
  void add_first(std::int32_t token);  // of a prompt: nothing stands before it
  // What was added since the last call.
  Json take();

 private:
  std::string text_of(std::int32_t token) const;
  void add_text(const std::string& text);

  const Tokenizer& tokenizer_;
  std::size_t offset_ = 0;
  Json lists_ = empty();
  static Json empty();
};

class Choice {
 public:
  Choice(const Tokenizer& tokenizer, std::int64_t index, std::vector<std::string> stop)
      : index_(index), stream_(tokenizer, std::move(stop)), logprobs_(tokenizer) {}

  // Takes in a token; the text that is certain now.
  std::string push(const Sampled& sampled);
  void end_empty() { finish_ = Finish::kLength; }  // no token was asked for
  bool done() const { return finish_ != Finish::kNone; }
  std::int64_t index() const { return index_; }
  std::int64_t tokens() const { return tokens_; }
  Json finish_reason() const { return done() ? Json(finish_name(finish_)) : Json(); }
  LogprobLists& logprobs() { return logprobs_; }
  std::string text;  // of a response in one piece

 private:
  std::int64_t index_;
  TextStream stream_;
  LogprobLists logprobs_;
  std::int64_t tokens_ = 0;
  Finish finish_ = Finish::kNone;
};

}  // namespace msmodelslim
