#include "serve/chat_messages.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "serve/completion_request.h"

namespace msmodelslim {
namespace {

constexpr std::size_t kMostTools = 128;
constexpr std::size_t kLongestName = 256;

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

Json read_arguments(const Json& arguments) {
  if (arguments.is_object()) return arguments;
  if (arguments.is_null()) return Json::object();
  if (!arguments.is_string()) refuse("messages", "arguments of a tool call must be a text of JSON");
  const auto& text = arguments.get_ref<const std::string&>();
  if (text.empty()) return Json::object();
  try {
    Json read = parse_json(text, "arguments of a tool call");
    if (!read.is_object()) refuse("messages", "arguments of a tool call must be a JSON object");
    return read;
  } catch (const DataError& error) {
    throw ApiError(400, error.what(), "BadRequestError", "messages");
  }
}

Json read_calls(const Json& calls) {
  if (calls.is_null()) return calls;
  if (!calls.is_array()) refuse("messages", "tool_calls must be a list");
  Json read = calls;
  for (Json& call : read) {
    if (!call.is_object() || !call.value("function", Json()).is_object() ||
        !call["function"].value("name", Json()).is_string())
      refuse("messages", "each of tool_calls needs a \"function\" with a \"name\"");
    Json& function = call["function"];
    function["arguments"] = read_arguments(function.value("arguments", Json()));
  }
  // Templates ask whether there is a list, and then take its first entry.
  return read.empty() ? Json() : read;
}

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= kLongestName &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
         });
}

}  // namespace

Json read_messages(const Json& body) {
  const Json messages = body.value("messages", Json());
  if (!messages.is_array() || messages.empty()) refuse("messages", "must be a list of messages");
  Json read = Json::array();
  for (const Json& message : messages) {
    if (!message.is_object() || !message.value("role", Json()).is_string())
      refuse("messages", "each must be an object with a \"role\"");
    read.push_back(message);
    if (message.contains("content")) read.back()["content"] = content_text(message["content"]);
    if (message.contains("tool_calls"))
      read.back()["tool_calls"] = read_calls(message["tool_calls"]);
  }
  return read;
}

Json read_tools(const Json& body) {
  const Json tools = body.value("tools", Json());
  if (tools.is_null()) return tools;
  if (!tools.is_array()) refuse("tools", "must be a list");
  if (tools.empty()) return Json();
  if (tools.size() > kMostTools)
    refuse("tools", fmt::format("has {} entries, {} are allowed", tools.size(), kMostTools));
  for (const Json& tool : tools) {
    if (!tool.is_object() || tool.value("type", Json()) != "function" ||
        !tool.value("function", Json()).is_object() ||
        !tool["function"].value("name", Json()).is_string())
      refuse("tools", "each must be {\"type\": \"function\", \"function\": {\"name\": ...}}");
    if (!is_name(tool["function"]["name"].get_ref<const std::string&>()))
      refuse("tools", "names consist of letters, digits, '_', '-' and '.'");
  }
  return tools;
}

std::vector<std::string> tool_names(const Json& tools) {
  std::vector<std::string> names;
  for (const Json& tool : tools) names.push_back(tool["function"]["name"].get<std::string>());
  return names;
}

Json with_argument_texts(const Json& messages) {
  Json texts = messages;
  for (Json& message : texts) {
    if (!message.value("tool_calls", Json()).is_array()) continue;
    for (Json& call : message["tool_calls"]) {
      Json& arguments = call["function"]["arguments"];
      arguments = arguments.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
  }
  return texts;
}

}  // namespace msmodelslim
