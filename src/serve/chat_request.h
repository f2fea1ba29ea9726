#pragma once
// The body of /v1/chat/completions: a conversation, and how to go on with it.
// Source: OpenAI's API reference and vLLM's additions to it.

#include "serve/completion_request.h"
#include "text/chat_template.h"

namespace msmodelslim {

struct ChatRequest {
  Conversation conversation;
  CompletionRequest completion;  // its prompts are empty; logprobs: of so many likeliest tokens
};

// Parts of a content that is a list become the text they hold; images and sounds are refused.
// Throws ApiError.
ChatRequest read_chat_request(const Json& body, const SamplingParams& defaults);

}  // namespace msmodelslim
