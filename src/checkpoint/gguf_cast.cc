#include "checkpoint/gguf_cast.h"

#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kPiece = 1 << 16;  // values

// Whether no value has an exponent of all ones.
template <typename Bits>
bool all_finite(const Bits* bits, std::int64_t count, Bits exponent) {
  bool special = false;
  for (std::int64_t i = 0; i < count; ++i) special |= (bits[i] & exponent) == exponent;
  return !special;
}

}  // namespace

DType output_dtype_from_name(const std::string& name) {
  if (name == "bfloat16") return DType::kBF16;
  if (name == "float16") return DType::kF16;
  if (name == "float32") return DType::kF32;
  throw UsageError(fmt::format("--dtype {}: unknown dtype", name),
                   "type bfloat16, float16 or float32");
}

std::string output_dtype_name(DType dtype) {
  if (dtype == DType::kBF16) return "bfloat16";
  return dtype == DType::kF16 ? "float16" : "float32";
}

bool cast_values(const float* in, std::int64_t count, DType dtype, std::byte* out) {
  if (dtype == DType::kF32) {
    std::memcpy(out, in, static_cast<std::size_t>(count) * sizeof(float));
    return all_finite(reinterpret_cast<const std::uint32_t*>(out), count, 0x7f800000U);
  }
  auto* half = reinterpret_cast<std::uint16_t*>(out);
  if (dtype == DType::kBF16) {
    for (std::int64_t i = 0; i < count; ++i) half[i] = f32_to_bf16(in[i]);
    return all_finite<std::uint16_t>(half, count, 0x7f80U);
  }
  for (std::int64_t i = 0; i < count; ++i) half[i] = f32_to_f16(in[i]);
  return all_finite<std::uint16_t>(half, count, 0x7c00U);
}

void throw_not_finite(const std::string& where, const std::string& tensor, DType dtype) {
  throw DataError(
      fmt::format("{}: tensor \"{}\" has values that are not finite, or too large for {}", where,
                  tensor, output_dtype_name(dtype)),
      dtype == DType::kF16 ? "use --dtype bfloat16; if it fails too, the file is damaged"
                           : "the file is damaged; download it again");
}

void cast_tensor(const TensorView& view, DType dtype, const std::string& where,
                 const std::string& name, std::byte* out) {
  const std::size_t in_size = dtype_size(view.dtype);
  const std::size_t out_size = dtype_size(dtype);
  parallel_ranges(view.count(), kPiece, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> values(static_cast<std::size_t>(end - begin));
    const auto first = static_cast<std::size_t>(begin);
    to_f32(TensorView{view.dtype, {end - begin}, view.bytes + first * in_size}, values.data());
    if (!cast_values(values.data(), end - begin, dtype, out + first * out_size))
      throw_not_finite(where, name, dtype);
  });
}

}  // namespace msmodelslim
