#pragma once
// The integer weight of a linear, for products with rows of 8-bit codes: as it lies in the file, or
// packed for the processor.

#include <cstdint>
#include <vector>

#include "base/huge_buffer.h"
#include "kernels/packed_codes.h"

namespace msmodelslim {

class CodeWeight {
 public:
  CodeWeight() = default;
  // codes [out, in], one a byte, must outlive the object until it is packed.
  CodeWeight(const std::int8_t* codes, std::int64_t out, std::int64_t in)
      : codes_(codes), out_(out), in_(in) {}

  std::int64_t out() const { return out_; }
  // Bytes that pack() takes from `memory`; `bits` of the codes: 8 or 4.
  std::size_t packed_bytes(int bits) const { return PackedCodes::bytes(out_, in_, bits); }
  // Where PackedCodes::available(). `memory` must outlive the object, the codes need no longer.
  // False, and nothing changes, when there is not so much memory.
  bool pack(int bits, HugeBuffer& memory);

  struct Product {
    const CodeWeight* weight;
    TakeSums take;
  };
  // Of one x [rows, in] and several weights; all threads.
  static void multiply(const std::vector<Product>& products, const std::int8_t* x,
                       std::int64_t rows);

 private:
  const std::int8_t* codes_ = nullptr;
  std::int64_t out_ = 0;
  std::int64_t in_ = 0;
  PackedCodes packed_;
};

}  // namespace msmodelslim
