// The body of a /v1/completions or /v1/chat/completions request.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "serve/chat_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const msmodelslim::Json body = msmodelslim::parse_json(text, "fuzz");
    try {
      msmodelslim::read_chat_request(body, {});
    } catch (const msmodelslim::ApiError&) {
    }
    msmodelslim::read_completion_request(body, {});
  } catch (const msmodelslim::Error&) {
  } catch (const msmodelslim::ApiError&) {
  }
  return 0;
}
