// Any bytes as tokenizer.json: an error or a tokenizer that encodes and decodes, nothing else.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try {
    const auto tokenizer = msmodelslim::Tokenizer::from_json(input, "fuzz");
    // The input is a text as well: long enough, and it holds the tokens of its own vocabulary.
    const auto ids = tokenizer.encode(input.substr(0, 2000), /*add_special_tokens=*/true);
    if (!msmodelslim::is_valid_utf8(tokenizer.decode(ids, /*skip_special_tokens=*/false)))
      __builtin_trap();
  } catch (const msmodelslim::Error&) {
  }
  return 0;
}
