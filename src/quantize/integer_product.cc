#include "quantize/integer_product.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/threads.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kTokens = 16;
// |xq - ox| <= 255 and |q| <= 128: so many products stay below 2^31. Sums on the way may wrap
// around, which unsigned arithmetic undoes.
constexpr std::int64_t kMaxInputs = 65'000;

}  // namespace

bool IntegerProduct::computes(const QuantizedLinear& linear) {
  return !is_float_format(linear.type) && !linear.weight_only() && linear.groups() == 1 &&
         linear.input_rotation.clip_ratio == 1.0F && linear.spec.in <= kMaxInputs &&
         std::all_of(linear.weight_offset.begin(), linear.weight_offset.end(),
                     [](float offset) { return offset == 0.0F; });
}

IntegerProduct::IntegerProduct(const QuantizedLinear& linear)
    : linear_(linear), code_sums_(static_cast<std::size_t>(linear.spec.out)) {
  const std::int64_t in = linear.spec.in;
  const auto* codes = linear.codes.as<std::int8_t>();
  parallel_for(linear.spec.out, [&](std::int64_t i) {
    code_sums_[static_cast<std::size_t>(i)] =
        std::accumulate(codes + i * in, codes + (i + 1) * in, 0);
  });
}

void IntegerProduct::multiply(const float* x, const std::vector<QuantParam>& rows, float* y) {
  const auto count = static_cast<std::int64_t>(rows.size());
  const std::int64_t in = linear_.spec.in;
  const std::int64_t out = linear_.spec.out;
  codes_.resize(static_cast<std::size_t>(count * in));
  sums_.resize(static_cast<std::size_t>(count * out));
  parallel_ranges(count, kTokens, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const QuantParam& param = rows[static_cast<std::size_t>(r)];
      quantize_s8(x + r * in, param.scale, param.offset, -128.0F, codes_.data() + r * in, in);
    }
  });
  matmul_s8(codes_.data(), linear_.codes.as<std::int8_t>(), sums_.data(), count, out, in);
  const float* weight_scale = linear_.weight_scale.data();
  const float* bias = linear_.bias.empty() ? nullptr : linear_.bias.data();
  parallel_ranges(count, kTokens, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const QuantParam& param = rows[static_cast<std::size_t>(r)];
      // A range with NaN has a scale of NaN, and y too.
      const auto offset = static_cast<std::uint32_t>(
          std::isnan(param.offset) ? 0 : static_cast<std::int32_t>(param.offset));
      const std::int32_t* sum = sums_.data() + r * out;
      float* to = y + r * out;
      for (std::int64_t i = 0; i < out; ++i) {
        const auto exact = static_cast<std::int32_t>(
            static_cast<std::uint32_t>(sum[i]) -
            offset * static_cast<std::uint32_t>(code_sums_[static_cast<std::size_t>(i)]));
        const auto value = static_cast<float>(exact);
        const float scale = param.scale * weight_scale[i];
        to[i] = bias == nullptr
                    ? value * scale
                    : static_cast<float>(static_cast<double>(value) * static_cast<double>(scale) +
                                         static_cast<double>(bias[i]));
      }
    }
  });
}

std::vector<QuantParam> token_params(LinearType type, const float* x, std::int64_t rows,
                                     std::int64_t width) {
  std::vector<QuantParam> params(static_cast<std::size_t>(rows));
  const int bits = type == LinearType::kW4A4Dynamic ? 4 : 8;
  parallel_for(rows, [&](std::int64_t r) {
    const MinMax range = min_max(x + r * width, width);
    params[static_cast<std::size_t>(r)] =
        integer_param(range.min, range.max, true, bits, DType::kF32);
  });
  return params;
}

}  // namespace msmodelslim
