#include "quantize/weight.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/ops.h"
#include "quantize/closed_weight.h"
#include "quantize/mx.h"
#include "quantize/ssz.h"
#include "quantize/weight_float.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kRows = 16;

QuantParam param_of(const WeightConfig& config, MinMax range) {
  QuantParam param =
      integer_param(range.min, range.max, config.symmetric, config.bits, config.scale_dtype);
  if (config.method == "hqq")
    param.scale = round_to_dtype(std::max(param.scale, 0x1p-24F), DType::kF16);
  return param;
}

// `fixed`: the row's parameters; null: from its values. False: NaN or infinite values.
bool encode_row(const WeightConfig& config, const float* row, std::int64_t r,
                const QuantParam* fixed, QuantizedLinear& out) {
  const std::int64_t k = out.spec.in;
  const std::int64_t groups = out.groups();
  const std::int64_t width = k / groups;
  auto* codes = out.codes.as<std::int8_t>() + r * k;
  for (std::int64_t g = 0; g < groups; ++g) {
    const MinMax range = min_max(row + g * width, width);
    if (!std::isfinite(range.min) || !std::isfinite(range.max)) return false;
    const QuantParam param = fixed != nullptr ? *fixed : param_of(config, range);
    const auto at = static_cast<std::size_t>(r * groups + g);
    out.weight_scale[at] = param.scale;
    if (!config.symmetric) out.weight_offset[at] = param.offset;
    encode(row + g * width, param, config.bits, codes + g * width, width);
  }
  return true;
}

bool quantize_by_range(const WeightConfig& config, const WeightRows& weight, QuantizedLinear& out) {
  const std::vector<QuantParam> fixed = params_of_rows(config, weight);
  std::atomic<bool> finite{true};
  parallel_ranges(out.spec.out, kRows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> buffer(static_cast<std::size_t>(out.spec.in));
    for (std::int64_t r = begin; r < end; ++r)
      if (!encode_row(config, weight.row(r, buffer.data()), r,
                      fixed.empty() ? nullptr : &fixed[static_cast<std::size_t>(r)], out))
        finite = false;
  });
  return finite;
}

}  // namespace

void encode(const float* row, QuantParam param, int bits, std::int8_t* codes, std::int64_t count) {
  quantize_s8(row, param.scale, param.offset, bits == 8 ? -128.0F : -8.0F, codes, count);
  if (bits == 4)
    for (std::int64_t i = 0; i < count; ++i) codes[i] = std::min<std::int8_t>(codes[i], 7);
}

WeightRows::WeightRows(Linear& linear)
    : source_(linear.changed()
                  ? WeightSource(TensorView{DType::kF32, linear.source().shape(),
                                            reinterpret_cast<const std::byte*>(linear.weight())})
                  : linear.source()) {
  if (source_.is_plain() && source_.dtype() == DType::kF32) f32_ = source_.plain().as<float>();
}

const float* WeightRows::row(std::int64_t i, float* buffer) const {
  if (f32_ != nullptr) return f32_ + i * width();
  source_.read_rows(i, i + 1, buffer);
  return buffer;
}

void quantize_weight(const WeightConfig& config, const WeightRows& weight, QuantizedLinear& out) {
  if (is_float_format(out.type)) {
    quantize_float_weight(config, weight, out);
    return;
  }
  if (config.method == "two_level") {
    quantize_two_level(config, weight, out);
    return;
  }
  const std::int64_t n = out.spec.out;
  const std::int64_t k = out.spec.in;
  out.group_size = config.group_size;
  out.tensor_scale = config.per_tensor;
  out.half_scale = config.method == "hqq";
  const std::int64_t groups = out.groups();
  out.codes = Tensor::uninitialized(DType::kI8, {n, k});
  out.weight_scale.resize(static_cast<std::size_t>(n * groups));
  if (!config.symmetric) out.weight_offset.resize(out.weight_scale.size());
  const bool finite = config.method == "ssz" ? quantize_ssz(config, weight, out)
                                             : quantize_by_range(config, weight, out);
  if (!finite)
    throw DataError(fmt::format("tensor {}.weight holds NaN or infinite values", out.spec.name),
                    "the checkpoint is damaged; download the shard again");
}

namespace {

// Both values of every byte.
const std::array<std::array<float, 2>, 256>& fp4_pairs() {
  static const auto pairs = [] {
    std::array<std::array<float, 2>, 256> table{};
    for (unsigned byte = 0; byte < table.size(); ++byte)
      table[byte] = {fp4_value(static_cast<std::uint8_t>(byte & 15U)),
                     fp4_value(static_cast<std::uint8_t>(byte >> 4))};
    return table;
  }();
  return pairs;
}

// The codes of inputs [begin, begin + count) of a row, whose first is `codes`, times `scale`. Two
// fp4 codes share a byte; `begin` and `count` are even then.
void scale_codes(bool fp8, const std::uint8_t* codes, std::int64_t begin, std::int64_t count,
                 float scale, float* out) {
  if (fp8) {
    const std::array<float, 256>& values = e4m3_values();
    for (std::int64_t j = begin; j < begin + count; ++j) out[j] = values[codes[j]] * scale;
    return;
  }
  const auto& values = fp4_pairs();
  for (std::int64_t j = begin; j < begin + count; j += 2) {
    const std::array<float, 2>& pair = values[codes[j / 2]];
    out[j] = pair[0] * scale;
    out[j + 1] = pair[1] * scale;
  }
}

void dequantize_float_row(const QuantizedLinear& linear, std::int64_t r, float* out) {
  const std::int64_t k = linear.spec.in;
  const bool fp8 = linear.codes.dtype() == DType::kF8E4M3;
  const auto* codes = linear.codes.as<std::uint8_t>() + r * (fp8 ? k : k / 2);
  if (!is_mx(linear.type)) {
    scale_codes(fp8, codes, 0, k, linear.weight_scale[static_cast<std::size_t>(r)], out);
    return;
  }
  const std::int64_t blocks = (k + kMxBlock - 1) / kMxBlock;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const std::int64_t begin = b * kMxBlock;
    const int exponent = linear.exponents[static_cast<std::size_t>(r * blocks + b)] - 127;
    scale_codes(fp8, codes, begin, std::min(kMxBlock, k - begin), std::ldexp(1.0F, exponent), out);
  }
  if (linear.dual_block == 0) return;
  const std::int64_t outer = (k + linear.dual_block - 1) / linear.dual_block;
  for (std::int64_t j = 0; j < k; ++j)
    out[j] *= linear.dual_scale[static_cast<std::size_t>(r * outer + j / linear.dual_block)];
}

}  // namespace

void dequantize_weight(const QuantizedLinear& linear, float* out) {
  const std::int64_t k = linear.spec.in;
  parallel_for(linear.spec.out,
               [&](std::int64_t r) { dequantize_weight_row(linear, r, out + r * k); });
}

void dequantize_weight_row(const QuantizedLinear& linear, std::int64_t r, float* out) {
  const std::int64_t k = linear.spec.in;
  if (is_float_format(linear.type)) {
    dequantize_float_row(linear, r, out);
    return;
  }
  if (linear.type == LinearType::kW16A16S) {
    const DType dtype = linear.codes.dtype();
    to_f32({dtype, {k}, linear.codes.bytes() + static_cast<std::size_t>(r * k) * dtype_size(dtype)},
           out);
    return;
  }
  const std::int64_t groups = linear.groups();
  const std::int64_t width = k / groups;
  for (std::int64_t g = 0; g < groups; ++g) {
    const auto i = static_cast<std::size_t>(r * groups + g);
    const float scale = linear.weight_scale[i];
    const float offset = linear.weight_offset.empty() ? 0.0F : linear.weight_offset[i];
    const auto* codes = linear.codes.as<std::int8_t>() + r * k + g * width;
    for (std::int64_t j = 0; j < width; ++j)
      out[g * width + j] = (static_cast<float>(codes[j]) - offset) * scale;
  }
}

}  // namespace msmodelslim
