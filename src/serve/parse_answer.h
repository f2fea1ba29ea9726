#pragma once
// The text of a chat answer taken apart: reasoning, content, tool calls.
//
// While an answer comes, its text so far is parsed again and again. Nothing is given that could
// still turn out to be something else, so every part of a longer text's result begins with that
// of the shorter one's.

#include <string>
#include <string_view>
#include <vector>

#include "serve/answer_format.h"

namespace msmodelslim {

struct AnswerRules {
  AnswerFormat format;
  bool in_reasoning = false;             // the prompt has opened it
  std::vector<std::string> known_tools;  // llama3_json: other JSON objects are content
};

struct ToolCall {
  std::string name;
  std::string arguments;  // JSON as the model wrote it
};

struct ParsedAnswer {
  std::string reasoning;  // without white space around it
  std::string content;
  std::vector<ToolCall> calls;
};

// `whole`: no more text comes. Calls that make no sense are content.
ParsedAnswer parse_answer(std::string_view text, const AnswerRules& rules, bool whole);

}  // namespace msmodelslim
