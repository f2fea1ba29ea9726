#include "runtime/code_weight.h"

#include "base/threads.h"
#include "kernels/gemm.h"

namespace msmodelslim {

void CodeWeight::pack(int bits, HugeBuffer& memory) {
  packed_ = PackedCodes(codes_, out_, in_, bits, memory.take(packed_bytes(bits)));
  codes_ = nullptr;
}

void CodeWeight::multiply(const std::int8_t* x, std::int64_t rows, const TakeSums& take) const {
  if (!packed_.empty()) {
    packed_.multiply(x, rows, take);
    return;
  }
  std::vector<std::int32_t> sums(static_cast<std::size_t>(rows * out_));
  matmul_s8(x, codes_, sums.data(), rows, out_, in_);
  parallel_for(rows, [&](std::int64_t r) { take(r, 0, {sums.data() + r * out_, 1, out_, out_}); });
}

}  // namespace msmodelslim
