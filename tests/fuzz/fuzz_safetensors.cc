// safetensors headers, as found at the start of a file we did not write.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    msmodelslim::parse_safetensors_header(bytes, size, "fuzz");
  } catch (const msmodelslim::Error&) {
  }
  return 0;
}
