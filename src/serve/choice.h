#pragma once
// One answer of a response while its tokens come: text, log-probabilities, why it ended.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "runtime/scheduler.h"
#include "runtime/text_stream.h"
#include "serve/chat_answer.h"

namespace msmodelslim {

// "logprobs" of an answer, as one of the APIs words them.
class LogprobFormat {
 public:
  virtual ~LogprobFormat() = default;
  virtual void add(const TokenLogprobs& token) = 0;
  virtual void add_first(std::int32_t token) = 0;  // of a prompt: nothing stands before it
  // What was added since the last call.
  virtual Json take() = 0;
};

// /v1/completions: parallel lists, an entry each.
std::unique_ptr<LogprobFormat> completion_logprobs(const Tokenizer& tokenizer);
// /v1/chat/completions: a list of tokens with their bytes.
std::unique_ptr<LogprobFormat> chat_logprobs(const Tokenizer& tokenizer);

class Choice {
 public:
  // `chat`: of an answer in a conversation.
  Choice(const Tokenizer& tokenizer, std::int64_t index, std::vector<std::string> stop,
         const std::optional<ChatRules>& chat);

  // Takes in a token; the text that is certain now.
  std::string push(const Sampled& sampled);
  void end_empty() { finish_ = Finish::kLength; }  // no token was asked for
  bool done() const { return finish_ != Finish::kNone; }
  std::int64_t index() const { return index_; }
  std::int64_t tokens() const { return tokens_; }
  Json finish_reason() const;
  ChatAnswer* chat() { return chat_ ? &*chat_ : nullptr; }
  LogprobFormat& logprobs() { return *logprobs_; }
  std::string text;  // of a response in one piece
  Json prompt_logprobs;

 private:
  std::int64_t index_;
  TextStream stream_;
  std::unique_ptr<LogprobFormat> logprobs_;
  std::optional<ChatAnswer> chat_;
  std::int64_t tokens_ = 0;
  Finish finish_ = Finish::kNone;
};

}  // namespace msmodelslim
