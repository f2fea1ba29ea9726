#include "runtime/int8_head.h"

#include "base/error.h"
#include "base/threads.h"
#include "kernels/ops.h"

namespace msmodelslim {

Int8Head::Int8Head(const Linear& head) {
  const WeightSource& source = head.source();
  if (!is_float(source.dtype()))
    throw UsageError(
        fmt::format("the head {} is {} already", head.name(), dtype_name(source.dtype())),
        "leave --lm_head out");
  const std::int64_t in = head.spec().in;
  const std::int64_t out = head.spec().out;
  codes_.resize(static_cast<std::size_t>(in * out));
  scales_.resize(static_cast<std::size_t>(out));
  constexpr std::int64_t kRows = 256;
  parallel_ranges(out, kRows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> row(static_cast<std::size_t>(in));
    for (std::int64_t r = begin; r < end; ++r) {
      source.read_rows(r, r + 1, row.data());
      const float largest = abs_max(row.data(), in);
      const float scale = largest > 0 ? largest / 127.0F : 1.0F;
      scales_[static_cast<std::size_t>(r)] = scale;
      quantize_s8(row.data(), scale, 0.0F, -128.0F, codes_.data() + r * in, in);
    }
  });
  weight_ = CodeWeight(codes_.data(), out, in);
  if (PackedCodes::available() && weight_.pack(8, packed_)) codes_ = {};
}

void Int8Head::apply(Linear& linear, const float* x, std::int64_t rows,
                     const std::vector<Sequence>& /*sequences*/, float* y) {
  quantize_per_token(x, rows, linear.spec().in, input_);
  const float* bias = linear.bias().empty() ? nullptr : linear.bias().data();
  multiply_dynamic(input_, {{&weight_, scales_.data(), bias, y}}, rows);
}

}  // namespace msmodelslim
