// Any bytes as a tiktoken file: an error or tokens.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/tiktoken_file.h"
#include "text/tokenizer_parts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  msmodelslim::TokenizerConfig config;
  config.tokenizer_class = "QWenTokenizer";
  try {
    if (msmodelslim::read_tiktoken(input, "fuzz").empty()) __builtin_trap();
    if (msmodelslim::parts_of_tiktoken(input, config, "fuzz").model == nullptr) __builtin_trap();
  } catch (const msmodelslim::Error&) {
  }
  return 0;
}
