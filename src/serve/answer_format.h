#pragma once
// How a model writes tool calls and reasoning into its answers. Its chat template tells, since it
// writes those of earlier turns the same way; names are those of vLLM's parsers.
//
//   hermes         <tool_call>\n{"name": "f", "arguments": {...}}\n</tool_call>
//   llama3_json    {"name": "f", "parameters": {...}}, perhaps behind <|python_tag|>
//   mistral        [TOOL_CALLS][{"name": "f", "arguments": {...}}, ...]
//                  [TOOL_CALLS]f[ARGS]{...}   (templates that have [ARGS])
//   deepseek_v3
//   <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{...}\n```
//                  <｜tool▁call▁end｜><｜tool▁calls▁end｜>
//   deepseek_v31
//   <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{...}<｜tool▁call▁end｜>...
//
// Reasoning stands in front of the answer between <think> and </think>, with Mistral's newer models
// between [THINK] and [/THINK].

#include <string>
#include <string_view>
#include <vector>

namespace msmodelslim {

enum class ToolFormat { kNone, kHermes, kLlama, kMistral, kMistralArgs, kDeepSeekV3, kDeepSeekV31 };
enum class ReasoningFormat { kNone, kThink, kMistral };

struct AnswerFormat {
  ToolFormat tools = ToolFormat::kNone;
  ReasoningFormat reasoning = ReasoningFormat::kNone;
};

// `chat_template`: its source.
AnswerFormat format_of_template(std::string_view chat_template);
// By the name of a parser of vLLM. UsageError lists the known ones. `mistral` is kMistralArgs when
// the template has [ARGS].
ToolFormat tool_format_by_name(const std::string& name, std::string_view chat_template);
ReasoningFormat reasoning_format_by_name(const std::string& name);

struct ReasoningMarks {
  std::string_view open, close;
};
ReasoningMarks reasoning_marks(ReasoningFormat format);

// Special tokens that have to be seen in a text for it to be understood.
std::vector<std::string> answer_markup(const AnswerFormat& format);

// What stands in an answer in front of the arguments of a call.
std::string call_opening(ToolFormat format, const std::string& name);

// Whether a prompt ends inside of reasoning, so that the answer begins there.
bool opens_reasoning(ReasoningFormat format, std::string_view prompt);

}  // namespace msmodelslim
