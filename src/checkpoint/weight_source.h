#pragma once
// The values of a tensor of a checkpoint: as they lie in the file, or decoded while they are read.

#include <cstdint>
#include <optional>

#include "checkpoint/coded_weight.h"
#include "tensor/tensor.h"

namespace msmodelslim {

class WeightSource {
 public:
  WeightSource() = default;
  WeightSource(TensorView plain)  // NOLINT(google-explicit-constructor): a view is a source
      : dtype_(plain.dtype), shape_(std::move(plain.shape)), bytes_(plain.bytes) {}
  explicit WeightSource(CodedWeight coded, Shape shape)
      : dtype_(coded.dtype), shape_(std::move(shape)), coded_(std::move(coded)) {}

  DType dtype() const { return dtype_; }         // of the values
  const Shape& shape() const { return shape_; }  // of a linear: [out, in]
  std::int64_t count() const { return element_count(shape_); }
  bool is_plain() const { return !coded_; }
  const CodedWeight& coded() const { return *coded_; }  // unless is_plain()
  // Throws DataError for codes.
  TensorView plain() const;
  // fp32 values of rows [begin, end); every extent but the last counts rows. Calling thread.
  void read_rows(std::int64_t begin, std::int64_t end, float* out) const;
  // All values: the tensor itself, or decoded ones, which `owned` then holds. All threads.
  TensorView whole(Tensor& owned) const;

 private:
  DType dtype_ = DType::kF32;
  Shape shape_;
  const std::byte* bytes_ = nullptr;
  std::optional<CodedWeight> coded_;
};

}  // namespace msmodelslim
