#include "serve/chat_answer.h"

#include "serve/random_id.h"

namespace msmodelslim {
namespace {

// OpenAI's clients know no reasoning; engines call it by either name.
void put_reasoning(Json& json, const std::string& text) {
  json["reasoning"] = text;
  json["reasoning_content"] = text;
}

Json call_json(const std::string& id, const ToolCall& call) {
  return {{"id", id},
          {"type", "function"},
          {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
}

}  // namespace

ParsedAnswer ChatAnswer::parse(bool last) const {
  ParsedAnswer parsed = parse_answer(text_, rules_.answer, last);
  if (rules_.one_call && parsed.calls.size() > 1) parsed.calls.resize(1);
  if (!rules_.include_reasoning) parsed.reasoning.clear();
  return parsed;
}

// Templates of Mistral's models insist on nine letters or digits.
const std::string& ChatAnswer::new_id() { return ids_.emplace_back(random_id("", 9)); }

Json ChatAnswer::call_delta(std::size_t index, const ToolCall* known, const ToolCall& call) {
  if (known != nullptr)
    return {{"index", index},
            {"function", {{"arguments", call.arguments.substr(known->arguments.size())}}}};
  Json json = {{"index", index}};
  json.update(call_json(new_id(), call));
  return json;
}

Json ChatAnswer::delta(const std::string& text, bool last) {
  text_ += text;
  ParsedAnswer now = parse(last);
  Json delta = Json::object();
  if (now.reasoning.size() > given_.reasoning.size())
    put_reasoning(delta, now.reasoning.substr(given_.reasoning.size()));
  if (now.content.size() > given_.content.size())
    delta["content"] = now.content.substr(given_.content.size());
  for (std::size_t i = 0; i < now.calls.size(); ++i) {
    const ToolCall* known = i < given_.calls.size() ? &given_.calls[i] : nullptr;
    if (known == nullptr || now.calls[i].arguments.size() > known->arguments.size())
      delta["tool_calls"].push_back(call_delta(i, known, now.calls[i]));
  }
  given_ = std::move(now);
  return delta;
}

Json ChatAnswer::message(const std::string& text) {
  text_ = text;
  const ParsedAnswer parsed = parse(true);
  const bool only_calls = parsed.content.empty() && !parsed.calls.empty();
  Json message = {{"role", "assistant"}, {"content", only_calls ? Json() : Json(parsed.content)}};
  if (!parsed.reasoning.empty()) put_reasoning(message, parsed.reasoning);
  for (const ToolCall& call : parsed.calls)
    message["tool_calls"].push_back(call_json(new_id(), call));
  return message;
}

}  // namespace msmodelslim
