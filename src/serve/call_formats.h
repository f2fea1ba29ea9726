#pragma once
// The tool calls behind the mark that opens them, in each of the formats of answer_format.h.

#include "serve/call_json.h"

namespace msmodelslim {

// What opens calls wherever it stands; "" for llama3_json, whose calls are a whole answer.
std::string_view calls_mark(ToolFormat format);

enum class CallsEnd {
  kDone,    // the cursor is behind them
  kMore,    // the text ends before they do
  kBroken,  // no calls: nothing was added
};

// Adds to `calls`. `whole`: as in parse_answer().
CallsEnd read_calls(const AnswerRules& rules, TextCursor& cursor, bool whole,
                    std::vector<ToolCall>& calls);

}  // namespace msmodelslim
