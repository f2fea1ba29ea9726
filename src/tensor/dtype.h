#pragma once
// Element types of tensors, with the names that safetensors files use.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace msmodelslim {

enum class DType : std::uint8_t {
  kBool,
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kU64,
  kI64,
  kF8E4M3,
  kF8E5M2,
  kF8E8M0,
  kF16,
  kBF16,
  kF32,
  kF64,
};

std::size_t dtype_size(DType dtype);       // bytes of one element
std::string_view dtype_name(DType dtype);  // "BF16", "F8_E4M3", "I8", ...
std::optional<DType> dtype_from_name(std::string_view name);
bool is_float(DType dtype);  // F16, BF16, F32, F64 (not the 8-bit forms)

}  // namespace msmodelslim
