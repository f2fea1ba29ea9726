#pragma once
// fp32 values to the dtype of an output file.

#include <cstdint>
#include <memory>
#include <string>

#include "tensor/tensor.h"

namespace msmodelslim {

// "bfloat16", "float16" or "float32" and back; UsageError for another word.
DType output_dtype_from_name(const std::string& name);
std::string output_dtype_name(DType dtype);

// Rounds `count` values to nearest even (BF16, F16, F32). False when a result is not finite:
// the input was not, or it is too large for the dtype.
bool cast_values(const float* in, std::int64_t count, DType dtype, std::byte* out);

// The error that a false result calls for. `where` names the file.
[[noreturn]] void throw_not_finite(const std::string& where, const std::string& tensor,
                                   DType dtype);

// A whole float tensor in `dtype`, cast in small pieces into `out`; throws as above.
void cast_tensor(const TensorView& view, DType dtype, const std::string& where,
                 const std::string& name, std::byte* out);

// Room for one tensor after the other: allocated once, never zeroed.
class TensorBuffer {
 public:
  explicit TensorBuffer(std::uint64_t bytes)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(bytes)) {}
  std::byte* bytes() { return bytes_.get(); }

 private:
  std::unique_ptr<std::byte[]> bytes_;
};

}  // namespace msmodelslim
