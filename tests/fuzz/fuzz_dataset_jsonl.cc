// Any bytes as a calibration set, of either kind: an error or samples.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/dataset.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const auto parse : {msmodelslim::parse_calib_jsonl, msmodelslim::parse_calib_json}) {
    try {
      if (parse(input, "fuzz").empty()) __builtin_trap();
    } catch (const msmodelslim::Error&) {
    }
  }
  return 0;
}
