// Any bytes as tokenizer.model: an error or a tokenizer that encodes and decodes, nothing else.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer_parts.h"
#include "text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try {
    const auto parts = msmodelslim::parts_of_spm(input, {}, "fuzz");
    // The input is a text as well: it holds the pieces of its own vocabulary.
    const std::string text = msmodelslim::to_valid_utf8(input.substr(0, 2000));
    const std::string normalized = parts.normalizer->apply(text);
    if (!msmodelslim::is_valid_utf8(normalized)) __builtin_trap();
    if (normalized.empty()) return 0;
    std::vector<std::int32_t> ids;
    msmodelslim::WordCache cache(normalized.size());
    parts.model->encode(normalized, cache, ids);
    for (const std::int32_t id : ids)
      if (!parts.model->vocabulary().has_id(id)) __builtin_trap();
  } catch (const msmodelslim::Error&) {
  }
  return 0;
}
