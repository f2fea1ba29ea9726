#include "checkpoint/weight_source.h"

#include <algorithm>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/ops.h"

namespace msmodelslim {

TensorView WeightSource::plain() const {
  if (coded_)
    throw DataError(
        fmt::format("a {} tensor is stored as codes where values are expected", shape_text(shape_)),
        "use the model as its makers released it before quantization");
  return {dtype_, shape_, bytes_};
}

void WeightSource::read_rows(std::int64_t begin, std::int64_t end, float* out) const {
  if (coded_) {
    decode_rows(*coded_, begin, end, out);
    return;
  }
  const std::int64_t width = shape_.empty() ? 1 : shape_.back();
  const std::byte* from = bytes_ + static_cast<std::size_t>(begin * width) * dtype_size(dtype_);
  if (dtype_ == DType::kBF16)
    bf16_to_f32(reinterpret_cast<const std::uint16_t*>(from), out, (end - begin) * width);
  else
    to_f32(TensorView{dtype_, {end - begin, width}, from}, out);
}

TensorView WeightSource::whole(Tensor& owned) const {
  if (!coded_) return plain();
  owned = Tensor::uninitialized(dtype_, shape_);
  const std::int64_t width = coded_->columns;
  const std::size_t row_bytes = static_cast<std::size_t>(width) * dtype_size(dtype_);
  constexpr std::int64_t kRows = 16;
  parallel_ranges(coded_->rows, kRows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> values(static_cast<std::size_t>(width));
    for (std::int64_t r = begin; r < end; ++r) {
      read_rows(r, r + 1, values.data());
      const Tensor row = from_f32(values.data(), {width}, dtype_);
      std::copy_n(row.bytes(), row_bytes, owned.bytes() + static_cast<std::size_t>(r) * row_bytes);
    }
  });
  return owned.view();
}

}  // namespace msmodelslim
