#include "serve/chat_job.h"

#include <fmt/format.h>

#include "base/error.h"
#include "serve/chat_messages.h"
#include "serve/completion_job.h"
#include "serve/prompt_ids.h"

namespace msmodelslim {
namespace {

[[noreturn]] void refuse_tools() {
  throw ApiError(400,
                 "The chat template of this model has no tool calls that this server knows. Send "
                 "tool_choice \"none\", or start the server with --tool-call-parser.",
                 "BadRequestError", "tools");
}

std::string render(const Conversation& conversation, const ChatFormat& format) {
  try {
    return format.render(conversation);
  } catch (const DataError&) {
    Conversation other = conversation;
    other.messages = with_argument_texts(conversation.messages);
    if (other.messages == conversation.messages) throw;
    return format.render(other);
  }
}

std::string prompt_text(const ChatRequest& request, const ServedModel& model) {
  if (!model.chat)
    throw ApiError(400, "the model folder has no chat template; use /v1/completions");
  try {
    return render(request.conversation, *model.chat);
  } catch (const DataError& error) {
    throw ApiError(400, error.what(), "BadRequestError", "messages");
  }
}

// Ways to begin an answer that calls one of `names`. Tokenizers like to join the bracket with what
// follows, so there is more than one for each.
std::vector<std::vector<std::int32_t>> call_openings(const std::vector<std::string>& names,
                                                     const ServedModel& model, bool in_reasoning) {
  std::vector<std::vector<std::int32_t>> openings;
  const std::string close(reasoning_marks(model.format.reasoning).close);
  const std::string before = in_reasoning ? fmt::format("\n{}\n\n", close) : "";
  for (const std::string& name : names) {
    const std::string opening = before + call_opening(model.format.tools, name);
    const char* const space = opening.ends_with(':') ? " " : "";
    for (const char* arguments : {"{", "{\"", "{}"})
      openings.push_back(
          model.tokenizer.encode(fmt::format("{}{}{}", opening, space, arguments), false));
  }
  return openings;
}

}  // namespace

void start_chat(ChatRequest request, const ServedModel& model,
                const std::shared_ptr<HttpReply>& reply) {
  const std::string prompt = prompt_text(request, model);
  ChatRules rules;
  rules.answer.format.reasoning = model.format.reasoning;
  rules.answer.in_reasoning = opens_reasoning(model.format.reasoning, prompt);
  rules.one_call = request.one_call;
  rules.include_reasoning = request.include_reasoning;
  if (request.tool_choice != ToolChoice::kNone) {
    if (model.format.tools == ToolFormat::kNone) refuse_tools();
    rules.answer.format.tools = model.format.tools;
    rules.answer.known_tools = tool_names(request.conversation.tools);
  }
  if (request.tool_choice == ToolChoice::kRequired)
    request.completion.params.openings =
        call_openings(request.callable, model, rules.answer.in_reasoning);
  start_job(std::move(request.completion), {prompt_ids(model, prompt, false)}, rules, model, reply);
}

}  // namespace msmodelslim
