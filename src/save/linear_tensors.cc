#include "save/linear_tensors.h"

#include <algorithm>

#include "save/tensor_parts.h"

namespace msmodelslim {
namespace {

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

}  // namespace msmodelslim
