#include "pipeline/rounding.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/ops.h"
#include "observe/ranges.h"
#include "quantize/mx.h"
#include "recipe/capabilities.h"

namespace msmodelslim {
namespace {

// A type whose weights these are.
LinearType type_of(const QConfig& weight) {
  if (weight.dtype == "fp8_e4m3") return LinearType::kFp8Dynamic;
  if (weight.dtype == "mxfp8") return LinearType::kMxFp8;
  if (weight.scope == "dual_scale") return LinearType::kMxFp4Dual;
  if (weight.dtype == "mxfp4") return LinearType::kMxFp4;
  return weight.dtype == "int4" ? LinearType::kW4A8Dynamic : LinearType::kW8A8Dynamic;
}

void round_tensor(float* x, std::int64_t count, bool symmetric) {
  const MinMax range = range_of(x, count);
  const QuantParam param = integer_param(range.min, range.max, symmetric, 8, DType::kF32);
  constexpr std::int64_t kGrain = 1 << 14;
  parallel_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    fake_quantize_s8(x + begin, param.scale, param.offset, x + begin, end - begin);
  });
}

}  // namespace

WeightConfig weight_config_of(const QConfig& weight, DType scale_dtype) {
  WeightConfig config;
  config.bits = weight.dtype == "int4" ? 4 : 8;
  config.method = weight.method;
  config.symmetric = weight.symmetric;
  config.steps = weight.ext.value("step", 50);
  config.percdamp = weight.ext.value("percdamp", 0.01);
  config.block_size = weight.ext.value("block_size", std::int64_t{128});
  config.act_order = weight.ext.value("act_order", false);
  config.scale_search = weight.ext.value("scale_search", false);
  config.refine_sweeps = weight.ext.value("refine_sweeps", 0);
  config.group_size = group_size_of(weight);
  config.per_tensor = weight.scope == "per_tensor";
  config.fraction = weight.ext.value("fraction", 0.01);
  if (weight.ext.contains("sigma_factor"))
    config.sigma_factor = weight.ext.at("sigma_factor").get<double>();
  config.dual_block = weight.ext.value("dual_block_size", std::int64_t{512});
  config.ceil_x = weight.ext.value("ceil_x_value", 7.25);
  config.ceil_search = weight.ext.value("enable_search", false);
  config.ceil_min = weight.ext.value("search_min", 6.0);
  config.ceil_max = weight.ext.value("search_max", 12.0);
  config.ceil_step = weight.ext.value("search_step", 0.25);
  config.scale_dtype = scale_dtype;
  return config;
}

RoundWeight make_round_weight(const QConfig& weight, DType scale_dtype) {
  return [config = weight_config_of(weight, scale_dtype), type = type_of(weight)](
             const LinearSpec& shape, float* values) {
    QuantizedLinear quantized;
    quantized.spec = shape;
    quantized.type = type;
    Linear linear(
        shape,
        TensorView{DType::kF32, {shape.out, shape.in}, reinterpret_cast<const std::byte*>(values)});
    quantize_weight(config, WeightRows(linear), quantized);
    dequantize_weight(quantized, values);
  };
}

RoundInput make_round_input(const QConfig& act, const QConfig& weight) {
  if (act.is_float()) return {};
  if (act.scope == "per_tensor")
    return [symmetric = act.symmetric](float* x, std::int64_t rows, std::int64_t width) {
      round_tensor(x, rows * width, symmetric);
    };
  const auto type = linear_type_from_name(exported_type(act, weight).value_or(""));
  if (!type)
    throw UsageError(fmt::format("activations {} {} with weights {} {} cannot be simulated",
                                 act.dtype, act.scope, weight.dtype, weight.scope));
  return [type = *type, dual_block = act.ext.value("dual_block_size", std::int64_t{512})](
             float* x, std::int64_t rows, std::int64_t width) {
    fake_quantize_dynamic(type, dual_block, 1.0F, x, rows, width, x);
  };
}

}  // namespace msmodelslim
