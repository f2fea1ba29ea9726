#pragma once
// A /v1/completions request on its way: submits its prompts, collects tokens, answers.

#include <memory>
#include <string>
#include <vector>

#include "serve/choice.h"
#include "serve/completion_request.h"
#include "serve/http_server.h"
#include "serve/worker.h"

namespace msmodelslim {

// Throws ApiError, before anything runs, for what cannot be answered.
void start_completion(const CompletionRequest& request, const std::string& model,
                      std::int64_t max_length, const Tokenizer& tokenizer, Worker& worker,
                      const std::shared_ptr<HttpReply>& reply);

}  // namespace msmodelslim
