#include "advise/endpoint.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "serve/http_client.h"

namespace msmodelslim {
namespace {

constexpr std::size_t kAtOnce = 32;  // prompts of a request

// The answer's JSON; `answer` of `url`.
Json json_of(const std::optional<HttpAnswer>& answer, const std::string& url) {
  if (!answer)
    throw DataError(fmt::format("{} does not answer", url),
                    "check base_url, the server's log, and timeout");
  if (answer->status != 200)
    throw DataError(fmt::format("{} answers with status {}: {}", url, answer->status,
                                answer->body.substr(0, 200)),
                    "check served_model_name and the server's log");
  return parse_json(answer->body, url);
}

std::string first_model(const TuneEvaluation& evaluation) {
  const std::string url = evaluation.base_url + "/models";
  const Json json = json_of(http_get(url, 10), url);
  const Json models = json.is_object() ? json.value("data", Json::array()) : Json::array();
  if (!models.is_array() || models.empty() || !models[0].is_object() ||
      !models[0].value("id", Json()).is_string())
    throw DataError(fmt::format("{} names no model", url), "set served_model_name");
  return models[0]["id"];
}

// Texts of the choices, by their index, into `texts` from `first` on.
void read_choices(const Json& json, const std::string& url, std::size_t first, std::size_t count,
                  std::vector<std::string>* texts) {
  const Json choices = json.is_object() ? json.value("choices", Json::array()) : Json::array();
  std::vector<bool> seen(count);
  for (const Json& choice : choices) {
    if (!choice.is_object() || !choice.value("index", Json()).is_number_unsigned() ||
        !choice.value("text", Json()).is_string())
      continue;
    const std::size_t index = choice["index"];
    if (index >= count) continue;
    seen[index] = true;
    (*texts)[first + index] = choice["text"];
  }
  if (std::find(seen.begin(), seen.end(), false) != seen.end())
    throw DataError(fmt::format("{} gives no text for some prompts", url),
                    "the server must take a list of prompts");
}

}  // namespace

std::vector<std::string> ask_endpoint(const TuneEvaluation& evaluation,
                                      const std::vector<std::string>& prompts,
                                      const SamplingParams& params) {
  const std::string url = evaluation.base_url + "/completions";
  const std::string model =
      evaluation.served_model_name.empty() ? first_model(evaluation) : evaluation.served_model_name;
  std::vector<std::string> texts(prompts.size());
  for (std::size_t first = 0; first < prompts.size(); first += kAtOnce) {
    check_interrupted();
    const std::size_t count = std::min(kAtOnce, prompts.size() - first);
    Json list = Json::array();
    for (std::size_t i = 0; i < count; ++i) list.push_back(prompts[first + i]);
    const Json body = {{"model", model},
                       {"prompt", std::move(list)},
                       {"max_tokens", params.max_tokens},
                       {"temperature", 0},
                       {"stop", params.stop}};
    read_choices(json_of(http_post_json(url, body.dump(), evaluation.timeout), url), url, first,
                 count, &texts);
  }
  return texts;
}

}  // namespace msmodelslim
