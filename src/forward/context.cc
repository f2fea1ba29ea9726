#include "forward/context.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"
#include "tensor/codec.h"

namespace msmodelslim {

void linear_f32(const float* x, const float* weight, const float* bias, float* y, std::int64_t rows,
                std::int64_t in, std::int64_t out) {
  matmul_nt(x, in, weight, in, y, out, rows, out, in);
  if (bias == nullptr) return;
  parallel_ranges(rows, 64, [&](std::int64_t begin, std::int64_t end) {
    add_bias(y + begin * out, bias, end - begin, out);
  });
}

void FloatLinearOp::apply(Linear& linear, const float* x, std::int64_t rows,
                          const std::vector<Sequence>&, float* y) {
  const std::int64_t in = linear.spec().in;
  const float* input = x;
  if (compute_dtype_ != DType::kF32) {
    rounded_.resize(static_cast<std::size_t>(rows * in));
    parallel_ranges(rows, 64, [&](std::int64_t begin, std::int64_t end) {
      const float* from = x + begin * in;
      float* to = rounded_.data() + begin * in;
      if (compute_dtype_ == DType::kBF16)
        round_bf16(from, to, (end - begin) * in);
      else
        std::transform(from, from + (end - begin) * in, to, round_to_f16);
    });
    input = rounded_.data();
  }
  const float* bias = linear.bias().empty() ? nullptr : linear.bias().data();
  linear_f32(input, linear.weight(), bias, y, rows, in, linear.spec().out);
}

RopeTable::RopeTable(const RopeSpec& rope, std::int64_t length)
    : half_(rope.dim / 2),
      length_(length),
      cos_(static_cast<std::size_t>(half_ * length)),
      sin_(static_cast<std::size_t>(half_ * length)) {
  const RopeFrequencies frequencies = rope_frequencies(rope, length);
  for (std::int64_t p = 0; p < length; ++p) {
    for (std::int64_t i = 0; i < half_; ++i) {
      const float angle = static_cast<float>(p) * frequencies.inverse[static_cast<std::size_t>(i)];
      const auto at = static_cast<std::size_t>(p * half_ + i);
      cos_[at] =
          static_cast<float>(std::cos(static_cast<double>(angle))) * frequencies.attention_factor;
      sin_[at] =
          static_cast<float>(std::sin(static_cast<double>(angle))) * frequencies.attention_factor;
    }
  }
}

}  // namespace msmodelslim
