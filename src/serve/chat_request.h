#pragma once
// The body of /v1/chat/completions: a conversation, and how to go on with it.
// Source: OpenAI's API reference and vLLM's additions to it.

#include "serve/completion_request.h"
#include "text/chat_template.h"

namespace msmodelslim {

enum class ToolChoice {
  kNone,      // no tools, or they must not be called
  kAuto,      // the model decides
  kRequired,  // the answer is a call of one of `callable`
};

struct ChatRequest {
  Conversation conversation;
  CompletionRequest completion;  // its prompts are empty; logprobs: of so many likeliest tokens
  ToolChoice tool_choice = ToolChoice::kNone;
  std::vector<std::string> callable;  // names of tools
  bool one_call = false;
  bool include_reasoning = true;
};

// Throws ApiError.
ChatRequest read_chat_request(const Json& body, const SamplingParams& defaults);

}  // namespace msmodelslim
