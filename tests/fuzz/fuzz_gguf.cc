// Any bytes as a GGUF file: header, tensor table, decoding of small tensors, tokenizer metadata.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_tokenizer.h"

namespace {

void decode_tensors(const msmodelslim::GgufHeader& header, const std::byte* bytes) {
  constexpr std::int64_t kMaxValues = 1 << 20;
  for (const auto& tensor : header.tensors) {
    const std::int64_t count = msmodelslim::element_count(tensor.shape);
    if (count > kMaxValues) continue;
    std::vector<float> values(static_cast<std::size_t>(count));
    tensor.type->decode(bytes + tensor.offset,
                        static_cast<std::size_t>(count) / tensor.type->block_size, values.data());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  try {
    const msmodelslim::GgufHeader header = msmodelslim::parse_gguf({bytes, size}, "input");
    decode_tensors(header, bytes);
    const auto vocab = msmodelslim::read_gguf_vocab(header.metadata, "qwen2", 1 << 20);
    msmodelslim::gguf_tokenizer_json(vocab);
    msmodelslim::gguf_tokenizer_config(vocab, header.metadata, 64);
  } catch (const msmodelslim::Error&) {
    return 0;  // the input was refused, which is the point
  }
  return 0;
}
