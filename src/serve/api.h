#pragma once
// The OpenAI-style API of models: /v1/models, /v1/completions, /v1/chat/completions, /health,
// /metrics; and a chat page at /.

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "serve/http_server.h"
#include "serve/served_model.h"

namespace msmodelslim {

class Api {
 public:
  // `api_key`: "" when none is asked for. A request that names no model is for the first one. What
  // the models refer to must outlive the object, and the object the requests it took.
  Api(std::vector<ServedModel> models, std::string api_key)
      : models_(std::move(models)), api_key_(std::move(api_key)) {}

  void handle(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const;

 private:
  void answer(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const;
  void check_key(const HttpRequest& request) const;
  const ServedModel& model_for(const Json& body) const;
  Json models() const;
  std::string metrics() const;
  void complete(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const;
  void chat(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const;

  std::vector<ServedModel> models_;
  std::string api_key_;
};

}  // namespace msmodelslim
