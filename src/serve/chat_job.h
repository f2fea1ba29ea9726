#pragma once
// A chat request on its way: its conversation becomes a prompt, and the rules for the answer.

#include <memory>

#include "serve/chat_request.h"
#include "serve/http_server.h"
#include "serve/served_model.h"

namespace msmodelslim {

// Throws ApiError, before anything runs, for what cannot be answered.
void start_chat(ChatRequest request, const ServedModel& model,
                const std::shared_ptr<HttpReply>& reply);

}  // namespace msmodelslim
