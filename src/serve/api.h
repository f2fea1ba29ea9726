#pragma once
// The OpenAI-style API of a model: /v1/models, /v1/completions, /v1/chat/completions, /health,
// /metrics.

#include <memory>
#include <string>

#include "serve/completion_job.h"
#include "serve/completion_request.h"
#include "serve/http_server.h"
#include "serve/worker.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace msmodelslim {

struct ApiOptions {
  std::string served_name;
  std::string api_key;  // "": none is asked for
  std::int64_t max_length = 0;
  SamplingParams defaults;
  std::shared_ptr<const ChatFormat> chat;  // null: the folder has no chat template
};

class Api {
 public:
  // All must outlive the object, and the object the requests it took.
  Api(const Tokenizer& tokenizer, Worker& worker, ApiOptions options)
      : tokenizer_(tokenizer), worker_(worker), options_(std::move(options)) {}

  void handle(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const;

 private:
  void answer(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const;
  void check_key(const HttpRequest& request) const;
  void check_model(const CompletionRequest& request) const;
  Json models() const;
  std::string metrics() const;
  void complete(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const;
  void chat(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const;
  JobContext context() const {
    return {options_.served_name, options_.max_length, tokenizer_, worker_};
  }

  const Tokenizer& tokenizer_;
  Worker& worker_;
  ApiOptions options_;
};

}  // namespace msmodelslim
