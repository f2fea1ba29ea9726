#include "tensor/tensor.h"

#include <cstring>
#include <new>

#include "base/error.h"
#include "tensor/codec.h"

namespace msmodelslim {

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (std::int64_t extent : shape) count *= extent;
  return count;
}

std::string shape_text(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

// Plain malloc with room to align: glibc reuses such blocks, those of aligned_alloc it does not.
void Tensor::allocate() {
  constexpr std::size_t kAlign = 64;
  auto* block = static_cast<std::byte*>(std::malloc(byte_size() + kAlign));
  if (block == nullptr) throw std::bad_alloc();
  block_.reset(block);
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  data_ = block + (kAlign - address % kAlign) % kAlign;
}

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  allocate();
  std::memset(data_, 0, byte_size());
}

Tensor Tensor::uninitialized(DType dtype, Shape shape) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = std::move(shape);
  tensor.allocate();
  return tensor;
}

Tensor Tensor::copy_of(const TensorView& view) {
  Tensor tensor = uninitialized(view.dtype, view.shape);
  std::memcpy(tensor.bytes(), view.bytes, view.byte_size());
  return tensor;
}

void Tensor::reshape(Shape shape) {
  if (element_count(shape) != count())
    throw DataError(fmt::format("cannot view {} as {}", shape_text(shape_), shape_text(shape)));
  shape_ = std::move(shape);
}

void to_f32(const TensorView& view, float* out) {
  const std::int64_t n = view.count();
  switch (view.dtype) {
    case DType::kF32:
      std::memcpy(out, view.bytes, static_cast<std::size_t>(n) * sizeof(float));
      return;
    case DType::kBF16: {
      const auto* in = view.as<std::uint16_t>();
      for (std::int64_t i = 0; i < n; ++i) out[i] = bf16_to_f32(in[i]);
      return;
    }
    case DType::kF16: {
      const auto* in = view.as<std::uint16_t>();
      for (std::int64_t i = 0; i < n; ++i) out[i] = f16_to_f32(in[i]);
      return;
    }
    case DType::kF64: {
      const auto* in = view.as<double>();
      for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(in[i]);
      return;
    }
    default:
      throw DataError(fmt::format("a float tensor was expected, found {} {}",
                                  dtype_name(view.dtype), shape_text(view.shape)));
  }
}

Tensor to_f32(const TensorView& view) {
  Tensor out = Tensor::uninitialized(DType::kF32, view.shape);
  to_f32(view, out.as<float>());
  return out;
}

Tensor from_f32(const float* values, const Shape& shape, DType dtype) {
  Tensor out = Tensor::uninitialized(dtype, shape);
  const std::int64_t n = out.count();
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out.bytes(), values, static_cast<std::size_t>(n) * sizeof(float));
      return out;
    case DType::kBF16:
      for (std::int64_t i = 0; i < n; ++i) out.as<std::uint16_t>()[i] = f32_to_bf16(values[i]);
      return out;
    case DType::kF16:
      for (std::int64_t i = 0; i < n; ++i) out.as<std::uint16_t>()[i] = f32_to_f16(values[i]);
      return out;
    default:
      throw DataError(fmt::format("fp32 values cannot be stored as {}", dtype_name(dtype)));
  }
}

}  // namespace msmodelslim
