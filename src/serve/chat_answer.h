#pragma once
// An assistant's message while its text comes: as deltas of a stream, or in one piece.

#include <string>
#include <vector>

#include "base/json.h"
#include "serve/parse_answer.h"

namespace msmodelslim {

struct ChatRules {
  AnswerRules answer;
  bool one_call = false;          // further calls are left out
  bool include_reasoning = true;  // false: it is left out
};

class ChatAnswer {
 public:
  explicit ChatAnswer(ChatRules rules) : rules_(std::move(rules)) {}

  // Takes in `text`; `last`: no more comes. What is new, as a "delta"; {} when nothing is.
  Json delta(const std::string& text, bool last);
  // The "message" of an answer that is `text`.
  Json message(const std::string& text);
  bool has_calls() const { return !ids_.empty(); }

 private:
  ParsedAnswer parse(bool last) const;
  Json call_delta(std::size_t index, const ToolCall* known, const ToolCall& call);
  const std::string& new_id();

  ChatRules rules_;
  std::string text_;
  ParsedAnswer given_;
  std::vector<std::string> ids_;  // of calls
};

}  // namespace msmodelslim
