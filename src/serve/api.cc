#include "serve/api.h"

#include <fmt/format.h>

#include "base/error.h"
#include "serve/chat_job.h"
#include "serve/chat_page.h"
#include "serve/completion_job.h"
#include "serve/prompt_ids.h"

namespace msmodelslim {
namespace {

constexpr const char* kJson = "application/json";

// Takes as long for any wrong key.
bool same_key(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |=
        static_cast<unsigned>(a[i]) ^ static_cast<unsigned>(b[b.empty() ? 0 : i % b.size()]);
  return difference == 0;
}

// A quoted label of Prometheus.
std::string label_value(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c == '\n' ? ' ' : c;
  }
  return quoted + '"';
}

Json parse_body(const std::string& body) {
  try {
    return parse_json(body, "the body");
  } catch (const DataError& error) {
    throw ApiError(400, error.what());
  }
}

}  // namespace

void Api::handle(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const {
  try {
    answer(request, reply);
  } catch (const ApiError& error) {
    reply->send(error.status, kJson, answer_text(error.body()));
  }
}

void Api::answer(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const {
  const auto allow = [&](const char* method) {
    if (request.method != method)
      throw ApiError{405, fmt::format("{} takes {} only", request.path, method),
                     "MethodNotAllowed"};
  };
  if (request.path == "/") {
    allow("GET");
    reply->send(200, "text/html; charset=utf-8", std::string(kChatPage));
  } else if (request.path == "/health" || request.path == "/ping") {
    allow("GET");
    reply->send(200, "text/plain; charset=utf-8", "");
  } else if (request.path == "/metrics") {
    allow("GET");
    reply->send(200, "text/plain; version=0.0.4; charset=utf-8", metrics());
  } else if (request.path == "/v1/models") {
    allow("GET");
    check_key(request);
    reply->send(200, kJson, answer_text(models()));
  } else if (request.path == "/v1/completions") {
    allow("POST");
    check_key(request);
    complete(request, reply);
  } else if (request.path == "/v1/chat/completions") {
    allow("POST");
    check_key(request);
    chat(request, reply);
  } else {
    throw ApiError(404, fmt::format("there is no {}", request.path), "NotFoundError");
  }
}

void Api::check_key(const HttpRequest& request) const {
  if (api_key_.empty()) return;
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view given = request.authorization;
  if (!given.starts_with(kBearer) || !same_key(given.substr(kBearer.size()), api_key_))
    throw ApiError(401, "the API key is missing or wrong", "AuthenticationError");
}

// A "model" of another type is refused where the body is read.
const ServedModel& Api::model_for(const Json& body) const {
  const Json name = body.is_object() ? body.value("model", Json()) : Json();
  if (!name.is_string()) return models_.front();
  for (const ServedModel& model : models_)
    if (name == model.name) return model;
  throw ApiError{404, fmt::format("The model `{}` does not exist.", name.get<std::string>()),
                 "NotFoundError", "model"};
}

Json Api::models() const {
  Json list = Json::array();
  for (const ServedModel& model : models_)
    list.push_back({{"id", model.name},
                    {"object", "model"},
                    {"owned_by", "msmodelslim"},
                    {"root", model.name},
                    {"max_model_len", model.max_length}});
  return {{"object", "list"}, {"data", std::move(list)}};
}

std::string Api::metrics() const {
  std::string text;
  const auto add = [&](const char* name, const char* type, const char* help,
                       std::int64_t WorkerCounts::*value) {
    text +=
        fmt::format("# HELP msmodelslim_{0} {2}\n# TYPE msmodelslim_{0} {1}\n", name, type, help);
    for (const ServedModel& model : models_)
      text += fmt::format("msmodelslim_{}{{model_name={}}} {}\n", name, label_value(model.name),
                          model.worker.counts().*value);
  };
  add("requests_running", "gauge", "Sequences that are being answered.", &WorkerCounts::running);
  add("requests_total", "counter", "Sequences that were answered or given up.",
      &WorkerCounts::requests);
  add("prompt_tokens_total", "counter", "Tokens of prompts that were run.",
      &WorkerCounts::prompt_tokens);
  add("generation_tokens_total", "counter", "Tokens that were sampled.",
      &WorkerCounts::answer_tokens);
  add("prefix_cache_bytes", "gauge", "Keys and values that later prompts may share.",
      &WorkerCounts::kept_bytes);
  return text;
}

void Api::complete(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const {
  const Json body = parse_body(request.body);
  const ServedModel& model = model_for(body);
  CompletionRequest completion = read_completion_request(body, model.defaults);
  std::vector<std::vector<std::int32_t>> prompts;
  for (const Prompt& prompt : completion.prompts) {
    const auto* text = std::get_if<std::string>(&prompt);
    prompts.push_back(text != nullptr ? prompt_ids(model, *text, true)
                                      : std::get<std::vector<std::int32_t>>(prompt));
  }
  start_job(std::move(completion), std::move(prompts), std::nullopt, model, reply);
}

void Api::chat(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const {
  const Json body = parse_body(request.body);
  const ServedModel& model = model_for(body);
  start_chat(read_chat_request(body, model.defaults), model, reply);
}

}  // namespace msmodelslim
