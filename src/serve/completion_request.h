#pragma once
// The body of an OpenAI-style request, checked: what to generate, and how to answer.
// Source: OpenAI's API reference and vLLM's additions to it.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "runtime/sampler.h"

namespace msmodelslim {

// An answer that says no, as the API words it.
struct ApiError {
  ApiError(int code, std::string why, std::string kind = "BadRequestError",
           std::optional<std::string> field = {})
      : status(code), message(std::move(why)), type(std::move(kind)), param(std::move(field)) {}
  int status;
  std::string message;
  std::string type;
  std::optional<std::string> param;
  Json body() const;  // {"error": {...}}
};

// `json` in one line; bytes that are not UTF-8 are replaced.
std::string answer_text(const Json& json);

using Prompt = std::variant<std::string, std::vector<std::int32_t>>;

struct CompletionRequest {
  std::optional<std::string> model;
  std::vector<Prompt> prompts;
  SamplingParams params;
  std::int64_t n = 1;  // answers per prompt
  bool max_tokens_given = false;
  bool stream = false;
  bool include_usage = false;
  bool echo = false;
  std::optional<int> logprobs;  // of so many likeliest tokens
  std::optional<int> prompt_logprobs;
};

[[noreturn]] void refuse(const std::string& param, const std::string& why);

// The fields that all requests have; `defaults`: what a request that says nothing is sampled with.
// Throws ApiError.
CompletionRequest read_common_fields(const Json& body, const SamplingParams& defaults);
// Those of /v1/completions. Throws ApiError.
CompletionRequest read_completion_request(const Json& body, const SamplingParams& defaults);

}  // namespace msmodelslim
