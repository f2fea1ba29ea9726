#include "serve/chat_request.h"

#include <limits>

namespace msmodelslim {
namespace {

// The text of a message's content.
Json content_text(const Json& content) {
  if (content.is_null() || content.is_string()) return content;
  if (!content.is_array()) refuse("messages", "content must be a text or a list of parts");
  std::string text;
  for (const Json& part : content) {
    if (!part.is_object() || part.value("type", Json()) != "text" ||
        !part.value("text", Json()).is_string())
      refuse("messages", "this server takes parts of the type \"text\" only");
    if (!text.empty()) text += "\n";
    text += part["text"].get<std::string>();
  }
  return text;
}

Json read_messages(const Json& body) {
  const Json messages = body.value("messages", Json());
  if (!messages.is_array() || messages.empty()) refuse("messages", "must be a list of messages");
  Json read = Json::array();
  for (const Json& message : messages) {
    if (!message.is_object() || !message.value("role", Json()).is_string())
      refuse("messages", "each must be an object with a \"role\"");
    read.push_back(message);
    if (message.contains("content")) read.back()["content"] = content_text(message["content"]);
  }
  return read;
}

bool flag(const Json& body, const char* name, bool otherwise) {
  const Json value = body.value(name, Json());
  if (value.is_null()) return otherwise;
  if (!value.is_boolean()) refuse(name, "must be true or false");
  return value.get<bool>();
}

}  // namespace

ChatRequest read_chat_request(const Json& body, const SamplingParams& defaults) {
  ChatRequest request;
  request.completion = read_common_fields(body, defaults);
  request.conversation.messages = read_messages(body);
  if (const Json tools = body.value("tools", Json());
      !tools.is_null() && body.value("tool_choice", Json()) != "none") {
    if (!tools.is_array()) refuse("tools", "must be a list");
    request.conversation.tools = tools;
  }
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
