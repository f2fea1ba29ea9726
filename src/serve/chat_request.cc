#include "serve/chat_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "serve/chat_messages.h"

namespace msmodelslim {
namespace {

bool flag(const Json& body, const char* name, bool otherwise) {
  const Json value = body.value(name, Json());
  if (value.is_null()) return otherwise;
  if (!value.is_boolean()) refuse(name, "must be true or false");
  return value.get<bool>();
}

// The name in {"type": "function", "function": {"name": ...}}.
std::string named_tool(const Json& choice, const std::vector<std::string>& names) {
  const Json function = choice.is_object() && choice.value("type", Json()) == "function"
                            ? choice.value("function", Json())
                            : Json();
  if (!function.is_object() || !function.value("name", Json()).is_string())
    refuse("tool_choice",
           "must be \"none\", \"auto\", \"required\" or "
           "{\"type\": \"function\", \"function\": {\"name\": ...}}");
  auto name = function["name"].get<std::string>();
  if (std::find(names.begin(), names.end(), name) == names.end())
    refuse("tool_choice", fmt::format("there is no \"{}\" among the tools", name));
  return name;
}

void read_tool_fields(const Json& body, ChatRequest* request) {
  const Json tools = read_tools(body);
  const Json choice = body.value("tool_choice", Json());
  request->one_call = !flag(body, "parallel_tool_calls", true);
  if (choice == "none") return;
  const bool is_auto = choice.is_null() || choice == "auto";
  if (tools.is_null()) {
    if (!is_auto) refuse("tool_choice", "goes with tools only");
    return;
  }
  request->conversation.tools = tools;
  request->callable = tool_names(tools);
  request->tool_choice = is_auto ? ToolChoice::kAuto : ToolChoice::kRequired;
  if (!is_auto && choice != "required") request->callable = {named_tool(choice, request->callable)};
}

void check_response_format(const Json& body) {
  const Json format = body.value("response_format", Json());
  if (format.is_null()) return;
  if (!format.is_object() || format.value("type", Json()) != "text")
    refuse("response_format", "this server answers with texts only");
}

}  // namespace

ChatRequest read_chat_request(const Json& body, const SamplingParams& defaults) {
  ChatRequest request;
  request.completion = read_common_fields(body, defaults);
  request.conversation.messages = read_messages(body);
  read_tool_fields(body, &request);
  check_response_format(body);
  request.include_reasoning = flag(body, "include_reasoning", true);
  request.conversation.add_generation_prompt = flag(body, "add_generation_prompt", true);
  if (const Json extra = body.value("chat_template_kwargs", Json()); !extra.is_null()) {
    if (!extra.is_object()) refuse("chat_template_kwargs", "must be an object");
    request.conversation.extra = extra;
  }
  if (const Json most = body.value("max_completion_tokens", Json()); !most.is_null()) {
    if (!most.is_number_integer() || most.get<std::int64_t>() < 1 ||
        most.get<std::int64_t>() > std::numeric_limits<std::int32_t>::max())
      refuse("max_completion_tokens", "must be a whole number of at least 1");
    request.completion.params.max_tokens = most.get<std::int64_t>();
    request.completion.max_tokens_given = true;
  }
  if (flag(body, "logprobs", false)) {
    const Json top = body.value("top_logprobs", Json(0));
    if (!top.is_number_integer() || top.get<std::int64_t>() < 0 || top.get<std::int64_t>() > 20)
      refuse("top_logprobs", "must be between 0 and 20");
    request.completion.logprobs = top.get<int>();
  }
  return request;
}

}  // namespace msmodelslim
