#pragma once
// A request on its way: submits its prompts, collects tokens, answers.

#include <memory>
#include <string>
#include <vector>

#include "serve/choice.h"
#include "serve/completion_request.h"
#include "serve/http_server.h"
#include "serve/worker.h"

namespace msmodelslim {

enum class Dialect { kCompletion, kChat };

struct JobContext {
  const std::string& model;  // its served name
  std::int64_t max_length;
  const Tokenizer& tokenizer;
  Worker& worker;
};

// Throws ApiError, before anything runs, for what cannot be answered. `request`: its prompts are
// not used but `prompts`.
void start_job(CompletionRequest request, std::vector<std::vector<std::int32_t>> prompts,
               Dialect dialect, const JobContext& context, const std::shared_ptr<HttpReply>& reply);

}  // namespace msmodelslim
