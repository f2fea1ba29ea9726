#include "save/tensor_parts.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/threads.h"
#include "tensor/codec.h"

namespace msmodelslim {

Tensor float_tensor(const std::vector<float>& values, Shape shape, DType dtype) {
  return from_f32(values.data(), shape, dtype);
}

std::vector<float> dequant_scale(const QuantizedLinear& linear) {
  std::vector<float> deq(linear.weight_scale.size());
  for (std::size_t i = 0; i < deq.size(); ++i) deq[i] = linear.input.scale * linear.weight_scale[i];
  return deq;
}

Tensor deq_scale_tensor(const std::vector<float>& deq, DType model_dtype) {
  const auto n = static_cast<std::int64_t>(deq.size());
  if (model_dtype == DType::kBF16) return float_tensor(deq, {n});
  Tensor bits(DType::kI64, {n});
  for (std::size_t i = 0; i < deq.size(); ++i)
    bits.as<std::int64_t>()[i] = std::bit_cast<std::int32_t>(deq[i]);
  return bits;
}

Tensor quant_bias_tensor(const QuantizedLinear& linear, const std::vector<float>& deq) {
  const std::int64_t n = linear.spec.out;
  const std::int64_t k = linear.spec.in;
  Tensor result(DType::kI32, {n});
  parallel_for(n, [&](std::int64_t i) {
    const std::int8_t* row = linear.codes.as<std::int8_t>() + i * k;
    std::int64_t sum = 0;
    for (std::int64_t j = 0; j < k; ++j) sum += row[j];
    const auto at = static_cast<std::size_t>(i);
    const float correction = static_cast<float>(sum) * linear.input.offset;
    const float bias = linear.bias.empty() ? 0.0F : linear.bias[at];
    const double rounded = std::nearbyint(static_cast<double>(bias / deq[at] - correction));
    constexpr double kLow = std::numeric_limits<std::int32_t>::min();
    constexpr double kHigh = std::numeric_limits<std::int32_t>::max();
    result.as<std::int32_t>()[i] = static_cast<std::int32_t>(std::clamp(rounded, kLow, kHigh));
  });
  return result;
}

Tensor pack_rows(const QuantizedLinear& linear) {
  const std::int64_t n = linear.spec.out;
  const std::int64_t k = linear.spec.in;
  if (n % 2 != 0)
    throw DataError(
        fmt::format("{}: int4 weights go in pairs of output rows, it has {}", linear.spec.name, n),
        "keep it float, or exclude it from the int4 entry of the recipe");
  Tensor packed(DType::kI8, {n / 2, k});
  const auto* codes = linear.codes.as<std::int8_t>();
  for (std::int64_t i = 0; i < n / 2; ++i)
    for (std::int64_t j = 0; j < k; ++j)
      packed.as<std::int8_t>()[i * k + j] = static_cast<std::int8_t>(
          (codes[2 * i * k + j] & 0x0f) | (codes[(2 * i + 1) * k + j] << 4));
  return packed;
}

Tensor pack_columns(const QuantizedLinear& linear) {
  const std::int64_t n = linear.spec.out;
  const std::int64_t k = linear.spec.in;
  if (k % 2 != 0)
    throw DataError(
        fmt::format("{}: int4 weights go in pairs of columns, it has {}", linear.spec.name, k),
        "keep it float");
  Tensor packed(DType::kI8, {n, k / 2});
  const auto* codes = linear.codes.as<std::int8_t>();
  for (std::int64_t i = 0; i < n * k / 2; ++i)
    packed.as<std::int8_t>()[i] =
        static_cast<std::int8_t>((codes[2 * i] & 0x0f) | (codes[2 * i + 1] << 4));
  return packed;
}

namespace {

// Of a code, as engines add it up: the two scales of two levels in bfloat16.
float value_of(const QuantizedLinear& linear, std::int64_t i, std::int64_t j, std::int8_t code) {
  const auto row = static_cast<std::size_t>(i);
  const auto q = static_cast<float>(code);
  if (linear.row_scale.empty()) return q * linear.weight_scale[row];
  const auto at = static_cast<std::size_t>(i * linear.groups() + j / linear.group_size);
  return q * round_to_bf16(linear.group_scale[at]) * round_to_bf16(linear.row_scale[row]);
}

}  // namespace

Tensor scale_bias_tensor(const QuantizedLinear& linear) {
  const std::int64_t n = linear.spec.out;
  const std::int64_t k = linear.spec.in;
  const bool row_parallel =
      linear.spec.role == Role::kDown || linear.spec.role == Role::kAttentionOut;
  const std::int64_t parts = row_parallel ? 16 : 1;
  if (k % parts != 0)
    throw DataError(
        fmt::format("{}: W4A8 cuts its {} inputs into 16 equal parts", linear.spec.name, k),
        "exclude it from the int4 entry of the recipe");
  Tensor result(DType::kF32, {n, parts});
  const std::int64_t width = k / parts;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t p = 0; p < parts; ++p) {
      float sum = 0;
      const std::int8_t* row = linear.codes.as<std::int8_t>() + i * k;
      for (std::int64_t j = p * width; j < (p + 1) * width; ++j)
        sum += value_of(linear, i, j, row[j]);
      result.as<float>()[i * parts + p] = 8.0F * sum;
    }
  return result;
}

}  // namespace msmodelslim
