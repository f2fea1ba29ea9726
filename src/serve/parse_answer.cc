#include "serve/parse_answer.h"

#include <algorithm>

#include "serve/call_formats.h"

namespace msmodelslim {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kPythonTag = "<|python_tag|>";

std::string_view right_trimmed(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

// `text` without an end that may become `mark`, and without white space in front of that.
std::string_view certain(std::string_view text, std::string_view mark) {
  for (std::size_t n = std::min(text.size(), mark.size() - 1); n > 0; --n)
    if (text.ends_with(mark.substr(0, n))) {
      text.remove_suffix(n);
      break;
    }
  return right_trimmed(text);
}

class AnswerReader {
 public:
  AnswerReader(std::string_view text, const AnswerRules& rules, bool whole)
      : cursor_(text), rules_(rules), whole_(whole) {}

  ParsedAnswer read() {
    if (!read_reasoning()) return std::move(answer_);
    if (rules_.format.tools == ToolFormat::kNone)
      answer_.content = cursor_.rest();
    else if (rules_.format.tools == ToolFormat::kLlama)
      read_llama();
    else
      read_marked();
    return std::move(answer_);
  }

 private:
  // False when the content has not begun.
  bool read_reasoning() {
    if (rules_.format.reasoning == ReasoningFormat::kNone) return true;
    const ReasoningMarks marks = reasoning_marks(rules_.format.reasoning);
    TextCursor ahead = cursor_;
    ahead.skip_space();
    if (!whole_ && ahead.may_begin(marks.open)) return false;
    if (!ahead.take(marks.open) && !rules_.in_reasoning) return true;
    ahead.skip_space();
    cursor_ = ahead;
    const auto inside = cursor_.take_until(marks.close);
    if (inside) {
      answer_.reasoning = right_trimmed(*inside);
      cursor_.skip_space();
      return true;
    }
    answer_.reasoning =
        whole_ ? right_trimmed(cursor_.rest()) : certain(cursor_.rest(), marks.close);
    return false;
  }

  // Calls anywhere in the content.
  void read_marked() {
    const std::string_view mark = calls_mark(rules_.format.tools);
    for (;;) {
      const std::string_view rest = cursor_.rest();
      const auto before = cursor_.take_until(mark);
      if (!before) {
        answer_.content += whole_ ? rest : certain(rest, mark);
        return;
      }
      TextCursor ahead = cursor_;
      const CallsEnd end = read_calls(rules_, ahead, whole_, answer_.calls);
      if (end == CallsEnd::kBroken) {
        answer_.content += rest.substr(0, before->size() + mark.size());
        continue;
      }
      answer_.content += right_trimmed(*before);
      if (end == CallsEnd::kMore) return;
      ahead.skip_space();
      cursor_ = ahead;
    }
  }

  // Calls, or content.
  void read_llama() {
    TextCursor ahead = cursor_;
    ahead.skip_space();
    if (!whole_ && ahead.may_begin(kPythonTag)) return;
    if (ahead.take(kPythonTag)) {
      ahead.skip_space();
      cursor_ = ahead;
      if (!whole_ && ahead.at_end()) return;
    }
    if (ahead.rest().starts_with('{')) {
      const CallsEnd end = read_calls(rules_, ahead, whole_, answer_.calls);
      if (end != CallsEnd::kBroken) return;  // what models write behind calls is no answer
    }
    answer_.content = cursor_.rest();
  }

  TextCursor cursor_;
  const AnswerRules& rules_;
  bool whole_;
  ParsedAnswer answer_;
};

}  // namespace

ParsedAnswer parse_answer(std::string_view text, const AnswerRules& rules, bool whole) {
  return AnswerReader(text, rules, whole).read();
}

}  // namespace msmodelslim
