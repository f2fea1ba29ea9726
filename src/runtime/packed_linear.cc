#include "runtime/packed_linear.h"

#include "kernels/ops.h"

namespace msmodelslim {

std::unique_ptr<PackedLinearOp> PackedLinearOp::of(const Linear& linear) {
  const WeightSource& source = linear.source();
  if (!PackedBf16::available() || linear.changed() || !source.is_plain() ||
      source.dtype() != DType::kBF16)
    return nullptr;
  const std::int64_t out = linear.spec().out;
  const std::int64_t in = linear.spec().in;
  HugeBuffer memory;
  void* place = memory.take(PackedBf16::bytes(out, in));
  if (place == nullptr) return nullptr;
  const PackedBf16 weight(source.plain().as<std::uint16_t>(), out, in, place);
  return std::unique_ptr<PackedLinearOp>(new PackedLinearOp(std::move(memory), weight));
}

void PackedLinearOp::apply(Linear& linear, const float* x, std::int64_t rows,
                           const std::vector<Sequence>& /*sequences*/, float* y) {
  weight_.multiply(x, rows, y);
  if (!linear.bias().empty()) add_bias(y, linear.bias().data(), rows, linear.spec().out);
}

}  // namespace msmodelslim
