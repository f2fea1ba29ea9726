#pragma once
// Row-major tensors: TensorView borrows bytes (for example from a memory map), Tensor owns them.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace msmodelslim {

using Shape = std::vector<std::int64_t>;

std::int64_t element_count(const Shape& shape);  // 1 for a scalar ([])
std::string shape_text(const Shape& shape);      // "[2, 64]"

struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  const std::byte* bytes = nullptr;

  std::int64_t count() const { return element_count(shape); }
  std::size_t byte_size() const { return static_cast<std::size_t>(count()) * dtype_size(dtype); }
  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes);
  }
};

class Tensor {
 public:
  Tensor() = default;
  Tensor(DType dtype, Shape shape);  // zero-filled, 64-byte aligned
  static Tensor uninitialized(DType dtype, Shape shape);
  static Tensor copy_of(const TensorView& view);

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t count() const { return element_count(shape_); }
  std::size_t byte_size() const { return static_cast<std::size_t>(count()) * dtype_size(dtype_); }
  bool empty() const { return block_ == nullptr; }
  std::byte* bytes() { return data_; }
  const std::byte* bytes() const { return data_; }
  template <typename T>
  T* as() {
    return reinterpret_cast<T*>(data_);
  }
  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(data_);
  }
  TensorView view() const { return {dtype_, shape_, data_}; }
  void reshape(Shape shape);  // same number of elements

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  void allocate();
  DType dtype_ = DType::kF32;
  Shape shape_;
  std::unique_ptr<std::byte, Free> block_;  // as malloc gave it; data_ is the aligned part
  std::byte* data_ = nullptr;
};

// Float views (F16, BF16, F32, F64) to fp32, exact except from F64; throws DataError otherwise.
void to_f32(const TensorView& view, float* out);
Tensor to_f32(const TensorView& view);
// fp32 values to `dtype` (F16, BF16, F32), round to nearest even.
Tensor from_f32(const float* values, const Shape& shape, DType dtype);

}  // namespace msmodelslim
