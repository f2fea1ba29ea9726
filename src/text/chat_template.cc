#include "text/chat_template.h"

#include <utility>

#include "base/error.h"

namespace msmodelslim {
namespace {

// The names that reasoning may have in a message; templates read the first or the second.
constexpr const char* kReasoning[] = {"reasoning_content", "thinking", "reasoning"};

Json without_nulls(const Json& message) {
  Json kept = Json::object();
  for (const auto& [key, value] : message.items())
    if (!value.is_null()) kept[key] = value;
  return kept;
}

Json with_reasoning(const Json& message) {
  for (const char* name : kReasoning) {
    if (!message.contains(name)) continue;
    Json named = {{"thinking", message[name]}};
    named.update(message);
    named["reasoning_content"] = message[name];
    return named;
  }
  return message;
}

[[noreturn]] void wrong_input(const std::string& problem) {
  throw DataError(problem, "give messages as [{\"role\": \"user\", \"content\": \"...\"}, ...]");
}

Json prepared_messages(const Json& messages) {
  if (!messages.is_array() || messages.empty())
    wrong_input("the conversation is not a list with at least one message");
  Json prepared = Json::array();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!messages[i].is_object())
      wrong_input(fmt::format("message {} of the conversation is not an object", i));
    prepared.push_back(with_reasoning(without_nulls(messages[i])));
  }
  return prepared;
}

Json special_tokens(const TokenizerConfig& config) {
  Json tokens = Json::object();
  const auto add = [&](const char* name, const std::optional<std::string>& token) {
    if (token) tokens[name] = *token;
  };
  add("bos_token", config.bos_token);
  add("eos_token", config.eos_token);
  add("unk_token", config.unk_token);
  add("pad_token", config.pad_token);
  return tokens;
}

}  // namespace

ChatTemplate::ChatTemplate(jinja::Template parsed, Json special_tokens)
    : template_(std::move(parsed)), special_tokens_(std::move(special_tokens)) {}

ChatTemplate ChatTemplate::parse(const std::string& source, const std::string& where,
                                 Json special_tokens) {
  return {jinja::Template::parse(source, where), std::move(special_tokens)};
}

std::string ChatTemplate::render(const Conversation& conversation,
                                 const jinja::RenderOptions& options) const {
  if (!conversation.tools.is_null() && !conversation.tools.is_array())
    throw DataError("the tools of the conversation are not a list");
  if (!conversation.extra.is_object())
    throw DataError("the variables for the chat template are not an object");
  Json variables = special_tokens_;
  variables["documents"] = nullptr;
  variables.update(conversation.extra);
  variables["messages"] = prepared_messages(conversation.messages);
  variables["tools"] = conversation.tools;
  variables["add_generation_prompt"] = conversation.add_generation_prompt;
  return template_.render(variables, options);
}

ChatFormat ChatFormat::load(const std::string& model_folder) {
  const TokenizerConfig config = read_tokenizer_config(model_folder);
  if (config.chat_template.empty())
    throw DataError(fmt::format("{} has no chat template", model_folder),
                    "use an instruction-tuned model, or add its chat_template.jinja");
  const Json tokens = special_tokens(config);
  const std::string where = model_folder + ": chat template";
  ChatFormat format(ChatTemplate::parse(config.chat_template, where, tokens));
  if (!config.tool_template.empty())
    format.with_tools_ =
        ChatTemplate::parse(config.tool_template, model_folder + ": tool_use template", tokens);
  return format;
}

std::string ChatFormat::render(const Conversation& conversation) const {
  const bool has_tools = !conversation.tools.is_null() && with_tools_;
  return (has_tools ? *with_tools_ : plain_).render(conversation);
}

}  // namespace msmodelslim
