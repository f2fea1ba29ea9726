#include "quantize/code_weight.h"

#include "base/threads.h"
#include "kernels/gemm.h"

namespace msmodelslim {

bool CodeWeight::pack(int bits, HugeBuffer& memory) {
  void* place = memory.take(packed_bytes(bits));
  if (place == nullptr) return false;
  packed_ = PackedCodes(codes_, out_, in_, bits, place);
  codes_ = nullptr;
  return true;
}

void CodeWeight::multiply(const std::vector<Product>& products, const std::int8_t* x,
                          std::int64_t rows) {
  std::vector<PackedCodes::Product> packed;
  for (const Product& product : products) {
    const CodeWeight& weight = *product.weight;
    if (!weight.packed_.empty()) {
      packed.push_back({&weight.packed_, product.take});
      continue;
    }
    const std::int64_t out = weight.out_;
    std::vector<std::int32_t> sums(static_cast<std::size_t>(rows * out));
    matmul_s8(x, weight.codes_, sums.data(), rows, out, weight.in_);
    parallel_for(rows, [&](std::int64_t r) {
      product.take(r, 0, {sums.data() + r * out, 1, out, out});
    });
  }
  if (!packed.empty()) PackedCodes::multiply(packed, x, rows);
}

}  // namespace msmodelslim
