// Any bytes as a chat template: a text or an error, within the limits and in valid UTF-8.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "text/chat_template.h"
#include "text/utf8.h"

namespace {

using msmodelslim::Json;

msmodelslim::Conversation conversation() {
  static const Json parsed = Json::parse(R"([
    {"role": "system", "content": "Be brief, \u00e9"},
    {"role": "user", "content": [{"type": "text", "text": " Hi\n"}]},
    {"role": "assistant", "content": "<think>\nx\n</think>\n\ny", "tool_calls": [
      {"type": "function", "function": {"name": "f", "arguments": {"a": [1, 2.5, null, true]}}}]},
    {"role": "tool", "content": "12"}])");
  static const Json tools = Json::parse(
      R"([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}])");
  return {parsed, tools, true, Json::object()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  msmodelslim::jinja::RenderOptions options;
  options.limits = {.steps = 100'000, .bytes = 16 << 20, .output_bytes = 1 << 20};
  options.now = 0;
  try {
    const std::string source(reinterpret_cast<const char*>(data), size);
    const auto chat = msmodelslim::ChatTemplate::parse(source, "fuzz", {{"bos_token", "<s>"}});
    if (!msmodelslim::is_valid_utf8(chat.render(conversation(), options))) __builtin_trap();
  } catch (const msmodelslim::Error&) {
  }
  return 0;
}
