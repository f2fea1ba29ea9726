#include "serve/call_formats.h"

#include <algorithm>

namespace msmodelslim {
namespace {

constexpr std::string_view kCallBegin = "<｜tool▁call▁begin｜>";
constexpr std::string_view kCallEnd = "<｜tool▁call▁end｜>";
constexpr std::string_view kCallsEnd = "<｜tool▁calls▁end｜>";
constexpr std::string_view kSeparator = "<｜tool▁sep｜>";

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  const std::size_t end = text.find_last_not_of(kSpace) + 1;
  return std::string(text.substr(begin, end > begin ? end - begin : 0));
}

// Reads the calls behind one mark.
class Calls {
 public:
  Calls(const AnswerRules& rules, TextCursor& cursor, bool whole, std::vector<ToolCall>& calls)
      : rules_(rules), cursor_(cursor), whole_(whole), calls_(calls), before_(calls.size()) {}

  CallsEnd hermes() {
    cursor_.skip_space();
    if (const CallsEnd end = object(); end != CallsEnd::kDone) return end;
    return behind("</tool_call>");
  }

  CallsEnd llama() {
    for (;;) {
      cursor_.skip_space();
      if (const CallsEnd end = object(); end != CallsEnd::kDone) return end;
      cursor_.skip_space();
      if (!cursor_.take(";") && !cursor_.rest().starts_with('{')) return CallsEnd::kDone;
    }
  }

  CallsEnd mistral() {
    cursor_.skip_space();
    if (cursor_.at_end()) return cut_off();
    return cursor_.take("[") ? mistral_list() : mistral_named();
  }

  CallsEnd deepseek() {
    for (;;) {
      cursor_.skip_space();
      if (waits_for(kCallBegin) || waits_for(kCallsEnd)) return CallsEnd::kMore;
      if (cursor_.take(kCallBegin)) {
        if (const CallsEnd end = deepseek_call(); end != CallsEnd::kDone) return end;
      } else {
        cursor_.take(kCallsEnd);
        return found() ? CallsEnd::kDone : CallsEnd::kBroken;
      }
    }
  }

 private:
  bool found() const { return calls_.size() > before_; }
  bool waits_for(std::string_view mark) const { return !whole_ && cursor_.may_begin(mark); }
  CallsEnd broken() const { return found() ? CallsEnd::kDone : CallsEnd::kBroken; }
  CallsEnd cut_off() const { return whole_ ? broken() : CallsEnd::kMore; }

  // Skips `mark`, which models forget at times.
  CallsEnd behind(std::string_view mark) {
    cursor_.skip_space();
    if (waits_for(mark)) return CallsEnd::kMore;
    cursor_.take(mark);
    return CallsEnd::kDone;
  }

  bool allowed(const std::string& name) const {
    const auto& known = rules_.known_tools;
    return rules_.format.tools != ToolFormat::kLlama ||
           std::find(known.begin(), known.end(), name) != known.end();
  }

  CallsEnd add(const CallInProgress& progress) {
    if (progress.broken || (progress.call && !allowed(progress.call->name))) return broken();
    if (progress.call) calls_.push_back(*progress.call);
    return progress.complete ? CallsEnd::kDone : cut_off();
  }
  CallsEnd object() { return add(read_call_object(cursor_)); }
  CallsEnd arguments_of(const std::string& name) {
    cursor_.skip_space();
    if (cursor_.at_end()) return cut_off();
    if (name.empty() || !cursor_.rest().starts_with('{')) return broken();
    return add(read_arguments(cursor_, name));
  }

  // {...}, {...}]
  CallsEnd mistral_list() {
    for (;;) {
      cursor_.skip_space();
      if (cursor_.take("]")) return broken();
      if (cursor_.take(",")) continue;
      if (cursor_.at_end()) return cut_off();
      if (!cursor_.rest().starts_with('{')) return broken();
      if (const CallsEnd end = object(); end != CallsEnd::kDone) return end;
    }
  }

  // f{...}, f[ARGS]{...} or f[CALL_ID]c[ARGS]{...}
  CallsEnd mistral_named() {
    const std::size_t end = cursor_.rest().find_first_of("[{");
    if (end == std::string_view::npos) return cut_off();
    const std::string name = trimmed(cursor_.rest().substr(0, end));
    cursor_.skip(end);
    if (waits_for("[CALL_ID]") || waits_for("[ARGS]")) return CallsEnd::kMore;
    if (cursor_.take("[CALL_ID]")) {
      const std::size_t id_end = cursor_.rest().find('[');
      if (id_end == std::string_view::npos) return cut_off();
      cursor_.skip(id_end);
      if (waits_for("[ARGS]")) return CallsEnd::kMore;
    }
    cursor_.take("[ARGS]");
    return arguments_of(name);
  }

  // type<sep>f\n```json\n{...}\n```<end>  or  f<sep>{...}<end>
  CallsEnd deepseek_call() {
    const auto before = cursor_.take_until(kSeparator);
    if (!before) return cut_off();
    std::string name = trimmed(*before);
    cursor_.skip_space();
    if (cursor_.at_end()) return cut_off();
    const bool fenced = !cursor_.rest().starts_with('{');
    if (fenced) {
      const auto line = cursor_.take_until("\n");
      if (!line) return cut_off();
      name = trimmed(*line);
      cursor_.skip_space();
      if (waits_for("```json")) return CallsEnd::kMore;
      cursor_.take("```json");
    }
    if (const CallsEnd end = arguments_of(name); end != CallsEnd::kDone) return end;
    if (!found()) return CallsEnd::kBroken;
    if (fenced && behind("```") == CallsEnd::kMore) return CallsEnd::kMore;
    return behind(kCallEnd);
  }

  const AnswerRules& rules_;
  TextCursor& cursor_;
  bool whole_;
  std::vector<ToolCall>& calls_;
  std::size_t before_;
};

}  // namespace

std::string_view calls_mark(ToolFormat format) {
  switch (format) {
    case ToolFormat::kHermes:
      return "<tool_call>";
    case ToolFormat::kMistral:
    case ToolFormat::kMistralArgs:
      return "[TOOL_CALLS]";
    case ToolFormat::kDeepSeekV3:
    case ToolFormat::kDeepSeekV31:
      return "<｜tool▁calls▁begin｜>";
    case ToolFormat::kLlama:
    case ToolFormat::kNone:
      break;
  }
  return "";
}

CallsEnd read_calls(const AnswerRules& rules, TextCursor& cursor, bool whole,
                    std::vector<ToolCall>& calls) {
  Calls reader(rules, cursor, whole, calls);
  switch (rules.format.tools) {
    case ToolFormat::kHermes:
      return reader.hermes();
    case ToolFormat::kLlama:
      return reader.llama();
    case ToolFormat::kMistral:
    case ToolFormat::kMistralArgs:
      return reader.mistral();
    case ToolFormat::kDeepSeekV3:
    case ToolFormat::kDeepSeekV31:
      return reader.deepseek();
    case ToolFormat::kNone:
      break;
  }
  return CallsEnd::kBroken;
}

}  // namespace msmodelslim
