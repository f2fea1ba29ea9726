#pragma once
// A bfloat16 weight laid out once for the tiles of processors with AVX512-BF16: every byte is read
// in order, and with few rows once per product, as in packed_codes.h.
//
// Panels of 32 columns of w^T, [in / 2][32][2], zeros behind the last column and the last input.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace msmodelslim {

class PackedBf16 {
 public:
  // Whether this processor has the instructions; nothing else here may be called where it has not.
  static bool available();
  // Memory for a weight of this shape.
  static std::size_t bytes(std::int64_t out, std::int64_t in);

  // Packs bit patterns [out, in] into `memory`, which must outlive the object. All threads.
  PackedBf16(const std::uint16_t* weight, std::int64_t out, std::int64_t in, void* memory);

  // y [rows, out] = x w^T, x [rows, in] rounded to bfloat16, sums in fp32. A row's result does not
  // depend on the others. All threads.
  void multiply(const float* x, std::int64_t rows, float* y) const;
  // The same of several weights of one `in` that read one x, with less waiting; rows of y `stride`
  // apart.
  struct Product {
    const PackedBf16* weight;
    float* y;
    std::int64_t stride;
  };
  static void multiply_each(const std::vector<Product>& products, const float* x,
                            std::int64_t rows);

 private:
  std::int64_t out_;
  std::int64_t in_;
  const std::uint16_t* panels_;
};

}  // namespace msmodelslim
