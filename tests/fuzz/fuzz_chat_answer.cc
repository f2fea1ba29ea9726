// The text of a chat answer: whatever a model writes, parts that were given are never taken back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "serve/parse_answer.h"

namespace {

using msmodelslim::ParsedAnswer;

void must(bool good) {
  if (!good) std::abort();
}

void must_go_on(const ParsedAnswer& before, const ParsedAnswer& after) {
  must(after.reasoning.starts_with(before.reasoning));
  must(after.content.starts_with(before.content));
  must(after.calls.size() >= before.calls.size());
  for (std::size_t i = 0; i < before.calls.size(); ++i) {
    must(after.calls[i].name == before.calls[i].name);
    must(after.calls[i].arguments.starts_with(before.calls[i].arguments));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 400) return 0;
  msmodelslim::AnswerRules rules;
  rules.format.tools = static_cast<msmodelslim::ToolFormat>(data[0] % 7);
  rules.format.reasoning = static_cast<msmodelslim::ReasoningFormat>(data[0] / 7 % 3);
  rules.in_reasoning = data[0] / 21 % 2 == 1;
  rules.known_tools = {"f"};
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  ParsedAnswer before;
  for (std::size_t length = 0; length <= text.size(); ++length) {
    ParsedAnswer now = parse_answer(text.substr(0, length), rules, false);
    must_go_on(before, now);
    before = std::move(now);
  }
  must_go_on(before, parse_answer(text, rules, true));
  return 0;
}
