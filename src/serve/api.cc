#include "serve/api.h"

#include <fmt/format.h>

#include "base/error.h"
#include "serve/chat_request.h"

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
    reply->send(error.status, kJson, error.body().dump());
  }
}

void Api::answer(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const {
  const auto allow = [&](const char* method) {
    if (request.method != method)
      throw ApiError{405, fmt::format("{} takes {} only", request.path, method),
                     "MethodNotAllowed"};
  };
  if (request.path == "/health" || request.path == "/ping") {
    allow("GET");
    reply->send(200, "text/plain; charset=utf-8", "");
  } else if (request.path == "/metrics") {
    allow("GET");
    reply->send(200, "text/plain; version=0.0.4; charset=utf-8", metrics());
  } else if (request.path == "/v1/models") {
    allow("GET");
    check_key(request);
    reply->send(200, kJson, models().dump());
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
  if (options_.api_key.empty()) return;
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view given = request.authorization;
  if (!given.starts_with(kBearer) || !same_key(given.substr(kBearer.size()), options_.api_key))
    throw ApiError(401, "the API key is missing or wrong", "AuthenticationError");
}

void Api::check_model(const CompletionRequest& request) const {
  if (request.model && *request.model != options_.served_name)
    throw ApiError{404, fmt::format("The model `{}` does not exist.", *request.model),
                   "NotFoundError", "model"};
}

Json Api::models() const {
  return {{"object", "list"},
          {"data", Json::array({{{"id", options_.served_name},
                                 {"object", "model"},
                                 {"owned_by", "msmodelslim"},
                                 {"root", options_.served_name},
                                 {"max_model_len", options_.max_length}}})}};
}

std::string Api::metrics() const {
  const WorkerCounts counts = worker_.counts();
  std::string text;
  const auto add = [&](const char* name, const char* type, const char* help, std::int64_t value) {
    text +=
        fmt::format("# HELP msmodelslim_{0} {2}\n# TYPE msmodelslim_{0} {1}\nmsmodelslim_{0} {3}\n",
                    name, type, help, value);
  };
  add("requests_running", "gauge", "Sequences that are being answered.", counts.running);
  add("requests_total", "counter", "Sequences that were answered or given up.", counts.requests);
  add("prompt_tokens_total", "counter", "Tokens of prompts that were run.", counts.prompt_tokens);
  add("generation_tokens_total", "counter", "Tokens that were sampled.", counts.answer_tokens);
  return text;
}

void Api::complete(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const {
  const CompletionRequest completion =
      read_completion_request(parse_body(request.body), options_.defaults);
  check_model(completion);
  std::vector<std::vector<std::int32_t>> prompts;
  for (const Prompt& prompt : completion.prompts) {
    const auto* text = std::get_if<std::string>(&prompt);
    prompts.push_back(text != nullptr ? tokenizer_.encode(*text, true)
                                      : std::get<std::vector<std::int32_t>>(prompt));
  }
  start_job(completion, std::move(prompts), Dialect::kCompletion, context(), reply);
}

void Api::chat(const HttpRequest& request, const std::shared_ptr<HttpReply>& reply) const {
  const ChatRequest chat = read_chat_request(parse_body(request.body), options_.defaults);
  check_model(chat.completion);
  if (!options_.chat)
    throw ApiError(400, "the model folder has no chat template; use /v1/completions");
  std::string text;
  try {
    text = options_.chat->render(chat.conversation);
  } catch (const DataError& error) {
    throw ApiError(400, error.what(), "BadRequestError", "messages");
  }
  start_job(chat.completion, {tokenizer_.encode(text, false)}, Dialect::kChat, context(), reply);
}

}  // namespace msmodelslim
