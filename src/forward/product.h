#pragma once
// y = x W^T + b in the model's dtype: both sides of the product are rounded to it (F32: not at all)
// and the sums are fp32. Processors that multiply bfloat16 do so with the bit patterns; elsewhere
// the same rounded values are multiplied in fp32. Only the order of the sums differs.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/raw_vector.h"
#include "forward/block.h"
#include "kernels/packed_bf16.h"
#include "tensor/dtype.h"

namespace msmodelslim {

// The weight of a product, [out, in], ready to be multiplied any number of times.
class ProductWeight {
 public:
  // Takes fp32 values and rounds them to `compute`.
  ProductWeight(std::vector<float> values, std::int64_t out, std::int64_t in, DType compute);
  // Reads a linear's weight; borrows it where no rounding is needed, until the linear is changed,
  // released or gone.
  ProductWeight(Linear& linear, DType compute);
  // Rows [begin, end) of a weight; borrows them where no rounding is needed.
  ProductWeight(const WeightSource& source, std::int64_t begin, std::int64_t end, DType compute);
  // No values yet: fill() gives them.
  ProductWeight(std::int64_t out, std::int64_t in, DType compute);

  // Sets all values; `row(i, to)` writes the fp32 values of row i. All threads.
  void fill(const std::function<void(std::int64_t, float*)>& row);
  // x [rows, in], y [rows, out], bias [out] or null. All threads.
  void multiply(const float* x, std::int64_t rows, const float* bias, float* y) const;
  // The same of several weights of one `in` and dtype that read one x, with less waiting.
  struct Part {
    const ProductWeight* weight;
    const float* bias;
    float* y;
  };
  static void multiply_each(const std::vector<Part>& parts, const float* x, std::int64_t rows);
  // dx [rows, in] = dy [rows, out] W, or is added to dx. dy is rounded too if the products are
  // bfloat16; float16 is too narrow for gradients.
  void multiply_back(const float* dy, std::int64_t rows, bool accumulate, float* dx) const;
  // Before many products, where they are made of packed weights (packs_bf16_products()): packs this
  // bfloat16 one once for all, in 2 bytes a value.
  void pack();
  // True: the values are somebody else's.
  bool borrowed() const { return f32_.empty() && bf16_.empty() && !packed_; }

 private:
  std::int64_t out_;
  std::int64_t in_;
  DType compute_;
  const float* f32_view_ = nullptr;  // one of the two is set
  const std::uint16_t* bf16_view_ = nullptr;
  std::vector<float> f32_;
  RawVector<std::uint16_t> bf16_;
  RawVector<std::byte> panels_;
  std::optional<PackedBf16> packed_;
};

// g [out, in] = dy [rows, out]^T x [rows, in], the gradient of a weight, or is added to g. Rounds
// as multiply_back() does.
void weight_gradient(DType compute, const float* dy, const float* x, std::int64_t rows,
                     std::int64_t out, std::int64_t in, bool accumulate, float* g);

}  // namespace msmodelslim
