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

namespace {

constexpr std::int64_t kRows = 16;

void pack_pairs(const std::int8_t* low, const std::int8_t* high, std::int64_t count,
                std::int8_t* out) {
  for (std::int64_t j = 0; j < count; ++j)
    out[j] = static_cast<std::int8_t>((low[j] & 0x0f) | (high[j] << 4));
}

}  // namespace

Tensor pack_rows(const QuantizedLinear& linear) {
  const std::int64_t n = linear.spec.out;
  const std::int64_t k = linear.spec.in;
  if (n % 2 != 0)
    throw DataError(
        fmt::format("{}: int4 weights go in pairs of output rows, it has {}", linear.spec.name, n),
        "keep it float, or exclude it from the int4 entry of the recipe");
  Tensor packed = Tensor::uninitialized(DType::kI8, {n / 2, k});
  parallel_ranges(n / 2, kRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int8_t* low = linear.codes.as<std::int8_t>() + 2 * i * k;
      pack_pairs(low, low + k, k, packed.as<std::int8_t>() + i * k);
    }
  });
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

std::int32_t sum_of(const std::int8_t* codes, std::int64_t count) {
  std::int32_t sum = 0;
  for (std::int64_t j = 0; j < count; ++j) sum += codes[j];
  return sum;
}

// Of columns [begin, end) of row i, as engines add them up: the two scales of two levels in
// bfloat16. Sums of codes are exact.
double sum_of_values(const QuantizedLinear& linear, std::int64_t i, std::int64_t begin,
                     std::int64_t end) {
  const std::int8_t* row = linear.codes.as<std::int8_t>() + i * linear.spec.in;
  const auto at = static_cast<std::size_t>(i);
  if (linear.row_scale.empty())
    return static_cast<double>(linear.weight_scale[at]) * sum_of(row + begin, end - begin);
  double sum = 0;
  for (std::int64_t j = begin; j < end;) {
    const std::int64_t group = j / linear.group_size;
    const std::int64_t last = std::min(end, (group + 1) * linear.group_size);
    const float scale = linear.group_scale[static_cast<std::size_t>(i * linear.groups() + group)];
    sum += static_cast<double>(round_to_bf16(scale)) * sum_of(row + j, last - j);
    j = last;
  }
  return sum * round_to_bf16(linear.row_scale[at]);
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
  parallel_ranges(n, kRows, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      for (std::int64_t p = 0; p < parts; ++p)
        result.as<float>()[i * parts + p] =
            static_cast<float>(8 * sum_of_values(linear, i, p * width, (p + 1) * width));
  });
  return result;
}

}  // namespace msmodelslim
