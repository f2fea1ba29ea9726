#include "serve/answer_format.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

namespace msmodelslim {
namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

ToolFormat tools_of_template(std::string_view source) {
  if (has(source, "<｜tool▁calls▁begin｜>"))
    return has(source, "```json") ? ToolFormat::kDeepSeekV3 : ToolFormat::kDeepSeekV31;
  if (has(source, "[TOOL_CALLS]"))
    return has(source, "[ARGS]") ? ToolFormat::kMistralArgs : ToolFormat::kMistral;
  // Some models have XML or other things inside of the same tags.
  if (has(source, "<tool_call>") && has(source, "\"arguments\"") && !has(source, "<function="))
    return ToolFormat::kHermes;
  if (has(source, "<|start_header_id|>") && has(source, "\"parameters\""))
    return ToolFormat::kLlama;
  return ToolFormat::kNone;
}

}  // namespace

AnswerFormat format_of_template(std::string_view source) {
  AnswerFormat format;
  format.tools = tools_of_template(source);
  if (has(source, "[THINK]"))
    format.reasoning = ReasoningFormat::kMistral;
  else if (has(source, "<think>") || has(source, "</think>"))
    format.reasoning = ReasoningFormat::kThink;
  return format;
}

ToolFormat tool_format_by_name(const std::string& name, std::string_view source) {
  if (name == "hermes") return ToolFormat::kHermes;
  if (name == "llama3_json" || name == "llama4_json") return ToolFormat::kLlama;
  if (name == "mistral")
    return has(source, "[ARGS]") ? ToolFormat::kMistralArgs : ToolFormat::kMistral;
  if (name == "deepseek_v3") return ToolFormat::kDeepSeekV3;
  if (name == "deepseek_v31") return ToolFormat::kDeepSeekV31;
  throw UsageError(fmt::format("there is no tool call parser '{}'", name),
                   "choose hermes, llama3_json, mistral, deepseek_v3 or deepseek_v31; without "
                   "--tool_call_parser the chat template decides");
}

ReasoningFormat reasoning_format_by_name(const std::string& name) {
  if (name == "deepseek_r1" || name == "deepseek_v3" || name == "qwen3" || name == "glm45")
    return ReasoningFormat::kThink;
  if (name == "mistral") return ReasoningFormat::kMistral;
  throw UsageError(fmt::format("there is no reasoning parser '{}'", name),
                   "choose deepseek_r1, deepseek_v3, qwen3, glm45 or mistral; without "
                   "--reasoning_parser the chat template decides");
}

ReasoningMarks reasoning_marks(ReasoningFormat format) {
  switch (format) {
    case ReasoningFormat::kThink:
      return {"<think>", "</think>"};
    case ReasoningFormat::kMistral:
      return {"[THINK]", "[/THINK]"};
    case ReasoningFormat::kNone:
      break;
  }
  return {};
}

std::vector<std::string> answer_markup(const AnswerFormat& format) {
  std::vector<std::string> markup;
  switch (format.tools) {
    case ToolFormat::kNone:
      break;
    case ToolFormat::kHermes:
      markup = {"<tool_call>", "</tool_call>"};
      break;
    case ToolFormat::kLlama:
      markup = {"<|python_tag|>"};
      break;
    case ToolFormat::kMistral:
    case ToolFormat::kMistralArgs:
      markup = {"[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"};
      break;
    case ToolFormat::kDeepSeekV3:
    case ToolFormat::kDeepSeekV31:
      markup = {"<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>",
                "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"};
      break;
  }
  if (format.reasoning != ReasoningFormat::kNone) {
    const ReasoningMarks marks = reasoning_marks(format.reasoning);
    markup.emplace_back(marks.open);
    markup.emplace_back(marks.close);
  }
  return markup;
}

std::string call_opening(ToolFormat format, const std::string& name) {
  const std::string quoted = Json(name).dump();
  switch (format) {
    case ToolFormat::kHermes:
      return fmt::format("<tool_call>\n{{\"name\": {}, \"arguments\":", quoted);
    case ToolFormat::kLlama:
      return fmt::format("{{\"name\": {}, \"parameters\":", quoted);
    case ToolFormat::kMistral:
      return fmt::format("[TOOL_CALLS][{{\"name\": {}, \"arguments\":", quoted);
    case ToolFormat::kMistralArgs:
      return fmt::format("[TOOL_CALLS]{}[ARGS]", name);
    case ToolFormat::kDeepSeekV3:
      return fmt::format(
          "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{}\n```json\n", name);
    case ToolFormat::kDeepSeekV31:
      return fmt::format("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{}<｜tool▁sep｜>", name);
    case ToolFormat::kNone:
      break;
  }
  return "";
}

bool opens_reasoning(ReasoningFormat format, std::string_view prompt) {
  if (format == ReasoningFormat::kNone) return false;
  const std::size_t end = prompt.find_last_not_of(" \t\r\n");
  return end != std::string_view::npos &&
         prompt.substr(0, end + 1).ends_with(reasoning_marks(format).open);
}

}  // namespace msmodelslim
