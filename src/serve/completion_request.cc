#include "serve/completion_request.h"

#include <fmt/format.h>

#include <limits>

namespace msmodelslim {
namespace {

constexpr std::size_t kMostPrompts = 1024;
constexpr std::int64_t kMostAnswers = 128;    // to one prompt
constexpr std::size_t kMostSequences = 1024;  // answers to all prompts

// The fields of a JSON object; null counts as absent.
class Body {
 public:
  explicit Body(const Json& json) : json_(json) {}

  const Json* find(const char* name) const {
    const auto it = json_.find(name);
    return it == json_.end() || it->is_null() ? nullptr : &*it;
  }
  void read(const char* name, bool* to) const {
    if (const Json* value = find(name)) {
      if (!value->is_boolean()) refuse(name, "must be true or false");
      *to = value->get<bool>();
    }
  }
  void read(const char* name, double* to) const {
    if (const Json* value = find(name)) {
      if (!value->is_number()) refuse(name, "must be a number");
      *to = value->get<double>();
    }
  }
  bool read(const char* name, std::int64_t* to, std::int64_t low, std::int64_t high) const {
    const Json* value = find(name);
    if (value == nullptr) return false;
    if (!value->is_number_integer()) refuse(name, "must be a whole number");
    *to = value->get<std::int64_t>();
    if (*to < low || *to > high) refuse(name, fmt::format("must be between {} and {}", low, high));
    return true;
  }

 private:
  const Json& json_;
};

std::vector<std::int32_t> read_ids(const Json& value, const char* name) {
  std::vector<std::int32_t> ids;
  for (const Json& id : value) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 ||
        id.get<std::int64_t>() > std::numeric_limits<std::int32_t>::max())
      refuse(name, "must hold token ids");
    ids.push_back(id.get<std::int32_t>());
  }
  return ids;
}

// A text, token ids, or a list of either.
std::vector<Prompt> read_prompts(const Json* value) {
  if (value == nullptr) refuse("prompt", "is missing");
  if (value->is_string()) return {value->get<std::string>()};
  if (!value->is_array() || value->empty()) refuse("prompt", "must be a text, token ids or a list");
  if (value->front().is_number()) return {read_ids(*value, "prompt")};
  if (value->size() > kMostPrompts)
    refuse("prompt", fmt::format("has {} entries, {} are allowed", value->size(), kMostPrompts));
  std::vector<Prompt> prompts;
  for (const Json& one : *value) {
    if (one.is_string())
      prompts.emplace_back(one.get<std::string>());
    else if (one.is_array())
      prompts.emplace_back(read_ids(one, "prompt"));
    else
      refuse("prompt", "must hold texts or lists of token ids");
  }
  return prompts;
}

std::vector<std::string> read_stop(const Json* value) {
  if (value == nullptr) return {};
  if (value->is_string()) return {value->get<std::string>()};
  std::vector<std::string> stop;
  if (!value->is_array()) refuse("stop", "must be a text or a list of texts");
  for (const Json& one : *value) {
    if (!one.is_string()) refuse("stop", "must hold texts");
    stop.push_back(one.get<std::string>());
  }
  return stop;
}

void read_sampling(const Body& body, SamplingParams* params) {
  body.read("temperature", &params->temperature);
  body.read("top_p", &params->top_p);
  body.read("top_k", &params->top_k, -1, std::numeric_limits<std::int32_t>::max());
  body.read("min_p", &params->min_p);
  body.read("repetition_penalty", &params->repetition_penalty);
  body.read("presence_penalty", &params->presence_penalty);
  body.read("frequency_penalty", &params->frequency_penalty);
  body.read("ignore_eos", &params->ignore_eos);
  std::int64_t seed = 0;
  if (body.read("seed", &seed, std::numeric_limits<std::int64_t>::min(),
                std::numeric_limits<std::int64_t>::max()))
    params->seed = static_cast<std::uint64_t>(seed);
  params->stop = read_stop(body.find("stop"));
  if (const Json* ids = body.find("stop_token_ids")) {
    if (!ids->is_array()) refuse("stop_token_ids", "must be a list of token ids");
    params->stop_token_ids = read_ids(*ids, "stop_token_ids");
  }
}

}  // namespace

void refuse(const std::string& param, const std::string& why) {
  throw ApiError(400, fmt::format("{}: {}", param, why), "BadRequestError", param);
}

Json ApiError::body() const {
  return {{"error",
           {{"message", message},
            {"type", type},
            {"param", param ? Json(*param) : Json()},
            {"code", status}}}};
}

std::string answer_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

CompletionRequest read_common_fields(const Json& json, const SamplingParams& defaults) {
  if (!json.is_object()) throw ApiError(400, "the body must be a JSON object");
  const Body body(json);
  CompletionRequest request;
  request.params = defaults;
  if (const Json* model = body.find("model")) {
    if (!model->is_string()) refuse("model", "must be a text");
    request.model = model->get<std::string>();
  }
  read_sampling(body, &request.params);
  request.max_tokens_given = body.read("max_tokens", &request.params.max_tokens, 0,
                                       std::numeric_limits<std::int32_t>::max());
  body.read("n", &request.n, 1, kMostAnswers);
  body.read("stream", &request.stream);
  std::int64_t prompt_logprobs = 0;
  if (body.read("prompt_logprobs", &prompt_logprobs, 0, 20)) {
    if (request.stream) refuse("prompt_logprobs", "does not go with stream");
    request.prompt_logprobs = static_cast<int>(prompt_logprobs);
  }
  if (const Json* options = body.find("stream_options")) {
    if (!options->is_object()) refuse("stream_options", "must be an object");
    if (!request.stream) refuse("stream_options", "goes with stream only");
    Body(*options).read("include_usage", &request.include_usage);
  }
  return request;
}

CompletionRequest read_completion_request(const Json& json, const SamplingParams& defaults) {
  CompletionRequest request = read_common_fields(json, defaults);
  const Body body(json);
  request.prompts = read_prompts(body.find("prompt"));
  if (request.prompts.size() * static_cast<std::size_t>(request.n) > kMostSequences)
    refuse("n", fmt::format("{} answers to {} prompts are too many, {} in all are allowed",
                            request.n, request.prompts.size(), kMostSequences));
  body.read("echo", &request.echo);
  std::int64_t logprobs = 0;
  if (body.read("logprobs", &logprobs, 0, 20)) request.logprobs = static_cast<int>(logprobs);
  return request;
}

}  // namespace msmodelslim
