#pragma once
// A request on its way: submits its prompts, collects tokens, answers.

#include <memory>
#include <string>
#include <vector>

#include "serve/choice.h"
#include "serve/completion_request.h"
#include "serve/http_server.h"
#include "serve/served_model.h"

namespace msmodelslim {

// Throws ApiError, before anything runs, for what cannot be answered. `request`: its prompts are
// not used but `prompts`. `chat`: for an answer of /v1/chat/completions. The model must outlive the
// job.
void start_job(CompletionRequest request, std::vector<std::vector<std::int32_t>> prompts,
               const std::optional<ChatRules>& chat, const ServedModel& model,
               const std::shared_ptr<HttpReply>& reply);

}  // namespace msmodelslim
