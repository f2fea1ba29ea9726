#include "save/linear_tensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/threads.h"

namespace msmodelslim {
namespace {

Tensor float_tensor(const std::vector<float>& values, Shape shape, DType dtype = DType::kF32) {
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

// Two output rows in one byte: row 2i in the low nibble, row 2i+1 in the high one.
Tensor pack_rows(const QuantizedLinear& linear) {
  const std::int64_t n = linear.spec.out;
  const std::int64_t k = linear.spec.in;
  if (n % 2 != 0)
    throw DataError(
        fmt::format("{}: W4A8 packs pairs of output rows, it has {}", linear.spec.name, n),
        "exclude it from the int4 entry of the recipe");
  Tensor packed(DType::kI8, {n / 2, k});
  const auto* codes = linear.codes.as<std::int8_t>();
  for (std::int64_t i = 0; i < n / 2; ++i)
    for (std::int64_t j = 0; j < k; ++j)
      packed.as<std::int8_t>()[i * k + j] = static_cast<std::int8_t>(
          (codes[2 * i * k + j] & 0x0f) | (codes[(2 * i + 1) * k + j] << 4));
  return packed;
}

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
      const std::int8_t* row = linear.codes.as<std::int8_t>() + i * k + p * width;
      const float scale = linear.weight_scale[static_cast<std::size_t>(i)];
      for (std::int64_t j = 0; j < width; ++j) sum += static_cast<float>(row[j]) * scale;
      result.as<float>()[i * parts + p] = 8.0F * sum;
    }
  return result;
}

Tensor weight_offset_tensor(const QuantizedLinear& linear, DType dtype) {
  const Shape shape = {linear.spec.out, linear.groups()};
  if (linear.weight_offset.empty()) return Tensor(dtype, shape);
  return float_tensor(linear.weight_offset, shape, dtype);
}

void add_low_rank_factors(const QuantizedLinear& linear, DType dtype,
                          std::vector<OutputTensor>& out) {
  const LowRank& branch = linear.low_rank;
  out.push_back({linear.spec.name + "." + kLowRank1,
                 float_tensor(branch.l1, {branch.rank, linear.spec.in}, dtype),
                 LinearType::kFloat});
  out.push_back({linear.spec.name + "." + kLowRank2,
                 float_tensor(branch.l2, {linear.spec.out, branch.rank}, dtype),
                 LinearType::kFloat});
}

void add_mx(QuantizedLinear linear, std::vector<OutputTensor>& out) {
  const std::int64_t n = linear.spec.out;
  const auto add = [&](const char* suffix, Tensor tensor, LinearType type) {
    out.push_back({linear.spec.name + "." + suffix, std::move(tensor), type});
  };
  const auto columns = [n](std::size_t count) { return static_cast<std::int64_t>(count) / n; };
  Tensor exponents(DType::kU8, {n, columns(linear.exponents.size())});
  std::copy(linear.exponents.begin(), linear.exponents.end(), exponents.as<std::uint8_t>());
  add("weight", std::move(linear.codes), linear.type);
  add("weight_scale", std::move(exponents), linear.type);
  const bool dual = linear.type == LinearType::kMxFp4Dual;
  if (dual)
    add("weight_dual_scale",
        float_tensor(linear.dual_scale, {n, columns(linear.dual_scale.size()), 1}), linear.type);
  if (!linear.bias.empty())
    add("bias", float_tensor(linear.bias, {n}), dual ? linear.type : LinearType::kFloat);
}

}  // namespace

std::vector<OutputTensor> ascendv1_tensors(QuantizedLinear linear, DType model_dtype) {
  std::vector<OutputTensor> out;
  const std::int64_t n = linear.spec.out;
  const auto add = [&](const char* suffix, Tensor tensor) {
    out.push_back({linear.spec.name + "." + suffix, std::move(tensor), linear.type});
  };
  if (linear.low_rank.rank > 0) add_low_rank_factors(linear, model_dtype, out);
  if (is_mx(linear.type)) {
    add_mx(std::move(linear), out);
    return out;
  }
  if (linear.type == LinearType::kW16A16S) {
    const DType dtype = linear.codes.dtype();
    add("weight", std::move(linear.codes));
    if (!linear.bias.empty()) add("bias", float_tensor(linear.bias, {n}, dtype));
    return out;
  }
  if (linear.type == LinearType::kW4A8Dynamic) {
    add("weight", pack_rows(linear));
  } else if (linear.has_input_param()) {
    const std::vector<float> deq = dequant_scale(linear);
    Tensor quant_bias = quant_bias_tensor(linear, deq);
    add("weight", std::move(linear.codes));
    add("quant_bias", std::move(quant_bias));
    add("input_scale", float_tensor({linear.input.scale}, {1}));
    add("input_offset", float_tensor({linear.input.offset}, {1}));
    add("deq_scale", deq_scale_tensor(deq, model_dtype));
  } else {
    add("weight", std::move(linear.codes));
  }
  if (!linear.static_input()) {
    add("weight_scale", float_tensor(linear.weight_scale, {n, linear.groups()}));
    add("weight_offset", weight_offset_tensor(linear, DType::kF32));
  }
  if (linear.type == LinearType::kW4A8Dynamic) add("scale_bias", scale_bias_tensor(linear));
  if (!linear.bias.empty())
    out.push_back({linear.spec.name + ".bias", float_tensor(linear.bias, {n}), LinearType::kFloat});
  return out;
}

std::vector<OutputTensor> v0_tensors(QuantizedLinear linear, DType model_dtype) {
  std::vector<OutputTensor> out;
  const std::int64_t n = linear.spec.out;
  const auto add = [&](const char* suffix, Tensor tensor, LinearType type) {
    out.push_back({linear.spec.name + "." + suffix, std::move(tensor), type});
  };
  const std::vector<float> deq = dequant_scale(linear);
  Tensor quant_bias = quant_bias_tensor(linear, deq);
  add("weight", std::move(linear.codes), linear.type);
  if (!linear.bias.empty())
    add("bias", float_tensor(linear.bias, {n}, model_dtype), LinearType::kFloat);
  add("weight_scale", float_tensor(linear.weight_scale, {n, 1}, model_dtype), linear.type);
  add("weight_offset", weight_offset_tensor(linear, model_dtype), linear.type);
  add("input_scale", float_tensor({linear.input.scale}, {1}, model_dtype), linear.type);
  add("input_offset", float_tensor({linear.input.offset}, {1}, model_dtype), linear.type);
  add("quant_bias", std::move(quant_bias), linear.type);
  add("deq_scale", deq_scale_tensor(deq, model_dtype), linear.type);
  return out;
}

}  // namespace msmodelslim
