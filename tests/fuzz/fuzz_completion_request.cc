// The body of a /v1/completions request.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "serve/completion_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    msmodelslim::read_completion_request(msmodelslim::parse_json(text, "fuzz"), {});
  } catch (const msmodelslim::Error&) {
  } catch (const msmodelslim::ApiError&) {
  }
  return 0;
}
