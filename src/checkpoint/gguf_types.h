#pragma once
// Number formats of GGUF tensors ("ggml types"). The ones with `decode` can be read; the others are
// known by name only, so that a message can say what was found.

#include <cstddef>
#include <cstdint>
#include <string>

namespace msmodelslim {

struct GgmlType {
  const char* name;
  std::uint32_t id;           // as stored in the file
  std::uint32_t block_size;   // values per block
  std::uint32_t block_bytes;  // bytes per block
  // Decodes `blocks` blocks to fp32; bit for bit what ggml's reference code gives.
  void (*decode)(const std::byte* in, std::size_t blocks, float* out);
};

// nullptr when the id is unknown or its format cannot be decoded.
const GgmlType* find_ggml_type(std::uint32_t id);
// "Q4_K", or "number 77" for an id that no known format has.
std::string ggml_type_name(std::uint32_t id);
// "F32, F16, Q4_0, ...": what find_ggml_type() finds, for messages.
std::string supported_ggml_types();

}  // namespace msmodelslim
