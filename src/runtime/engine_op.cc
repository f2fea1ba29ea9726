#include "runtime/engine_op.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "base/usage.h"
#include "kernels/code_sums.h"
#include "kernels/gemv.h"
#include "kernels/ops.h"
#include "quantize/int8.h"
#include "quantize/mx.h"

namespace msmodelslim {
namespace {

std::vector<float> floats(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.count()));
  to_f32(view, values.data());
  return values;
}

std::vector<float> rounded(const TensorView& view, DType dtype) {
  std::vector<float> values = floats(view);
  for (float& value : values) value = round_to_dtype(value, dtype);
  return values;
}

std::vector<float> deq_scale(const TensorView& view) {
  if (view.dtype != DType::kI64) return floats(view);
  std::vector<float> values(static_cast<std::size_t>(view.count()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::bit_cast<float>(static_cast<std::int32_t>(view.as<std::int64_t>()[i]));
  return values;
}

bool all_zero(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return value == 0.0F; });
}

// Low nibble: even row, high nibble: odd row.
Tensor unpack_rows(const TensorView& packed, const LinearSpec& spec) {
  Tensor codes(DType::kI8, {spec.out, spec.in});
  const auto* bytes = packed.as<std::int8_t>();
  for (std::int64_t i = 0; i < spec.out / 2; ++i)
    for (std::int64_t j = 0; j < spec.in; ++j) {
      const std::int8_t byte = bytes[i * spec.in + j];
      codes.as<std::int8_t>()[2 * i * spec.in + j] =
          static_cast<std::int8_t>(static_cast<std::int8_t>(byte << 4) >> 4);
      codes.as<std::int8_t>()[(2 * i + 1) * spec.in + j] = static_cast<std::int8_t>(byte >> 4);
    }
  return codes;
}

// Low nibble: even column, high nibble: odd column.
Tensor unpack_columns(const TensorView& packed, const LinearSpec& spec) {
  Tensor codes(DType::kI8, {spec.out, spec.in});
  const auto* bytes = packed.as<std::int8_t>();
  for (std::int64_t i = 0; i < packed.count(); ++i) {
    codes.as<std::int8_t>()[2 * i] =
        static_cast<std::int8_t>(static_cast<std::int8_t>(bytes[i] << 4) >> 4);
    codes.as<std::int8_t>()[2 * i + 1] = static_cast<std::int8_t>(bytes[i] >> 4);
  }
  return codes;
}

void require(const TensorView& view, DType dtype, const Shape& shape, const std::string& name) {
  if (view.dtype == dtype && view.shape == shape) return;
  throw DataError(fmt::format("{} is {} {}, expected {} {}", name, dtype_name(view.dtype),
                              shape_text(view.shape), dtype_name(dtype), shape_text(shape)),
                  "quantize the model again");
}

void require_length(const std::vector<float>& values, std::int64_t length,
                    const std::string& name) {
  if (values.size() == static_cast<std::size_t>(length)) return;
  throw DataError(fmt::format("{} has {} entries, expected {}", name, values.size(), length),
                  "quantize the model again");
}

}  // namespace

EngineOp::EngineOp(const ModelSpec& model, const CheckpointReader& checkpoint, DType compute_dtype)
    : checkpoint_(checkpoint), model_dtype_(model.dtype), float_op_(compute_dtype) {
  if (!find_description(checkpoint.folder()).empty())
    load_ascendv1(model);
  else
    load_compressed(model);
  prepare_products(model);
}

void EngineOp::prepare_products(const ModelSpec& model) {
  // What is read for every token is packed as long as there is plenty of memory.
  std::size_t room = PackedCodes::available() ? available_memory() / 2 : 0;
  const auto prepare = [&](const LinearSpec& spec) {
    Entry& entry = entries_.at(spec.name);
    if (!has_integer_product(entry)) return;
    entry.weight = CodeWeight(entry.codes, spec.out, spec.in);
    // Codes that the file has one a byte may be larger than 4 bits.
    const bool int4 = entry.type == LinearType::kW4A8Dynamic &&
                      entry.codes == std::as_const(entry.unpacked).as<std::int8_t>();
    const std::size_t bytes = entry.weight.packed_bytes(int4 ? 4 : 8);
    if (bytes > room) return;
    if (!entry.weight.pack(int4 ? 4 : 8, packed_)) return;
    room -= bytes;
    entry.unpacked = {};
    entry.codes = nullptr;
  };
  for (const BlockSpec& block : model.blocks)
    for (const LinearSpec* linear : block.linears()) prepare(*linear);
  prepare(model.head);
}

bool EngineOp::has_integer_product(const Entry& entry) {
  switch (entry.type) {
    case LinearType::kW8A8:
      return true;
    case LinearType::kW8A8Dynamic:
    case LinearType::kW8A8Mix:
    case LinearType::kW4A8Dynamic:
    case LinearType::kW4A4Dynamic:
      return entry.groups == 1 && entry.weight_offset.empty();
    default:
      return false;
  }
}

bool EngineOp::is_quantized(const std::string& folder) {
  return !find_description(folder).empty() || CompressedConfig::present(folder);
}

void EngineOp::load_ascendv1(const ModelSpec& model) {
  const CheckpointReader& checkpoint = checkpoint_;
  const SortedJson types(read_description(checkpoint.folder()));
  const auto add = [&](const LinearSpec& spec) {
    const std::string name = spec.name + ".weight";
    if (!types.contains(name) || !types.at(name).is_string())
      throw DataError(
          fmt::format("{}/{}: no entry for {}", checkpoint.folder(), kDescriptionFile, name),
          "quantize the model again");
    const auto written = types.at(name).get<std::string>();
    const bool flat = without_flatquant(written) != written;
    const std::string base = without_svd(without_flatquant(written));
    const auto type = linear_type_from_name(base);
    if (!type)
      throw DataError(
          fmt::format("{} has the type {}, which eval cannot compute yet", name,
                      types.at(name).dump()),
          "types: FLOAT, W8A8, W8A8_DYNAMIC, W8A8_MIX, W8A8S, W8A16, W4A16, W4A8_DYNAMIC, "
          "W4A4_DYNAMIC, "
          "WFP8AFP8_DYNAMIC, W8A8_MXFP8, "
          "W4A8_MXFP, W4A4_MXFP4, W4A4_MXFP4_DUALSCALE, W16A16S, each also with _SVD or "
          "_FLATQUANT");
    load(spec, *type);
    if (flat)
      checkpoint.at(spec.name + kLeftTrans);  // Linear reads it; throws when it is missing
    else if (base != written)
      load_low_rank(spec);
  };
  for (const BlockSpec& block : model.blocks) {
    for (const LinearSpec* linear : block.linears()) add(*linear);
    for (const auto& fused : block.fused_groups()) share_inputs(fused);
  }
  add(model.head);
}

void EngineOp::load(const LinearSpec& spec, LinearType type) {
  Entry entry;
  entry.type = type;
  const auto name_of = [&](const char* suffix) { return spec.name + "." + suffix; };
  const auto at = [&](const char* suffix) { return checkpoint_.at(name_of(suffix)); };
  if (type == LinearType::kW16A16S) entry.type = type = LinearType::kFloat;
  if (type == LinearType::kW8A8S) entry.type = type = LinearType::kW8A8;
  if (is_float_format(type)) {
    load_float_format(spec, entry);
    entries_[spec.name] = std::move(entry);
    return;
  }
  const TensorView weight = at("weight");
  const bool int4 = type == LinearType::kW4A8Dynamic || type == LinearType::kW4A16;
  if (int4 && weight.shape != Shape{spec.out, spec.in}) {
    const bool columns = weight.shape == Shape{spec.out, spec.in / 2};
    if (!columns) require(weight, DType::kI8, {spec.out / 2, spec.in}, name_of("weight"));
    entry.unpacked = columns ? unpack_columns(weight, spec) : unpack_rows(weight, spec);
    entry.codes = entry.unpacked.as<std::int8_t>();
  } else if (type != LinearType::kFloat) {
    require(weight, DType::kI8, {spec.out, spec.in}, name_of("weight"));
    entry.codes = weight.as<std::int8_t>();
  }
  if (type == LinearType::kW8A8) {
    require(at("quant_bias"), DType::kI32, {spec.out}, name_of("quant_bias"));
    const auto* bias = at("quant_bias").as<std::int32_t>();
    entry.quant_bias.assign(bias, bias + spec.out);
    entry.deq_scale = deq_scale(at("deq_scale"));
    if (entry.deq_scale.size() == 1)  // one scale per tensor
      entry.deq_scale.assign(static_cast<std::size_t>(spec.out), entry.deq_scale[0]);
    require_length(entry.deq_scale, spec.out, name_of("deq_scale"));
    const std::vector<float> scale = rounded(at("input_scale"), model_dtype_);
    const std::vector<float> offset = floats(at("input_offset"));
    require_length(scale, 1, name_of("input_scale"));
    require_length(offset, 1, name_of("input_offset"));
    entry.input_scale = scale[0];
    entry.input_offset = offset[0];
  } else if (type != LinearType::kFloat) {
    const TensorView scale = at("weight_scale");
    if (scale.shape.size() == 2) entry.groups = scale.shape[1];
    if (entry.groups < 1 || spec.in % entry.groups != 0)
      throw DataError(fmt::format("{} has the shape {}, the linear {} inputs",
                                  name_of("weight_scale"), shape_text(scale.shape), spec.in),
                      "quantize the model again");
    entry.weight_scale = rounded(scale, model_dtype_);
    if (scale.shape == Shape{1})
      entry.weight_scale.assign(static_cast<std::size_t>(spec.out), entry.weight_scale[0]);
    require_length(entry.weight_scale, spec.out * entry.groups, name_of("weight_scale"));
    if (checkpoint_.has(name_of("weight_scale_second"))) load_second_level(spec, entry);
  }
  if (type == LinearType::kW8A16 || type == LinearType::kW4A16 ||
      type == LinearType::kW4A4Dynamic || entry.groups > 1) {
    if (entry.weight_offset.empty())
      entry.weight_offset = rounded(at("weight_offset"), model_dtype_);
    if (entry.weight_offset.size() == 1)
      entry.weight_offset.assign(static_cast<std::size_t>(spec.out), entry.weight_offset[0]);
    require_length(entry.weight_offset, spec.out * entry.groups, name_of("weight_offset"));
    if (type == LinearType::kW4A4Dynamic && entry.groups == 1 && all_zero(entry.weight_offset))
      entry.weight_offset.clear();
  }
  entries_[spec.name] = std::move(entry);
}

// weight_scale becomes the product of both levels, a scale per group.
void EngineOp::load_second_level(const LinearSpec& spec, Entry& entry) {
  const std::string name = spec.name + ".weight_scale_second";
  const TensorView view = checkpoint_.at(name);
  const std::int64_t groups = view.shape.size() == 2 ? view.shape[1] : 0;
  if (groups < 1 || spec.in % groups != 0 || view.shape[0] != spec.out || entry.groups != 1)
    throw DataError(fmt::format("{} has the shape {}, the linear {} inputs and {} outputs", name,
                                shape_text(view.shape), spec.in, spec.out),
                    "quantize the model again");
  std::vector<float> second = rounded(view, model_dtype_);
  for (std::size_t i = 0; i < second.size(); ++i)
    second[i] *= entry.weight_scale[i / static_cast<std::size_t>(groups)];
  entry.weight_scale = std::move(second);
  entry.weight_offset.assign(entry.weight_scale.size(), 0.0F);
  entry.groups = groups;
}

void EngineOp::load_low_rank(const LinearSpec& spec) {
  const std::string first = spec.name + "." + kLowRank1;
  const std::string second = spec.name + "." + kLowRank2;
  const TensorView l1 = checkpoint_.at(first);
  const TensorView l2 = checkpoint_.at(second);
  const std::int64_t rank = l1.shape.empty() ? 0 : l1.shape[0];
  require(l1, model_dtype_, {rank, spec.in}, first);
  require(l2, model_dtype_, {spec.out, rank}, second);
  entries_.at(spec.name).low_rank = {rank, floats(l1), floats(l2)};
}

void EngineOp::load_float_format(const LinearSpec& spec, Entry& entry) {
  QuantizedLinear& linear = entry.float_format;
  linear.spec = spec;
  linear.type = entry.type;
  const std::string weight = spec.name + ".weight";
  const bool fp8 = entry.type == LinearType::kFp8Dynamic || entry.type == LinearType::kMxFp8;
  require(checkpoint_.at(weight), fp8 ? DType::kF8E4M3 : DType::kU8,
          {spec.out, fp8 ? spec.in : spec.in / 2}, weight);
  linear.codes = Tensor::copy_of(checkpoint_.at(weight));
  const TensorView scale = checkpoint_.at(weight + "_scale");
  if (is_mx(entry.type)) {
    require(scale, DType::kU8, {spec.out, (spec.in + kMxBlock - 1) / kMxBlock}, weight + "_scale");
    linear.exponents.assign(scale.as<std::uint8_t>(), scale.as<std::uint8_t>() + scale.count());
  } else {
    linear.weight_scale = rounded(scale, model_dtype_);
    require_length(linear.weight_scale, spec.out, weight + "_scale");
  }
  if (entry.type != LinearType::kMxFp4Dual) return;
  const TensorView dual = checkpoint_.at(weight + "_dual_scale");
  const std::int64_t outer = dual.shape.size() == 3 && dual.shape[1] > 0 ? dual.shape[1] : 1;
  linear.dual_block = (spec.in / outer + kMxBlock - 1) / kMxBlock * kMxBlock;
  linear.dual_scale = floats(dual);
  require_length(linear.dual_scale, spec.out * outer, weight + "_dual_scale");
}

void EngineOp::share_inputs(const std::vector<const LinearSpec*>& fused) {
  const Entry& last = entries_.at(fused.back()->name);
  if (last.type != LinearType::kW8A8) return;
  for (const LinearSpec* member : fused) {
    entries_.at(member->name).input_scale = last.input_scale;
    entries_.at(member->name).input_offset = last.input_offset;
  }
}

void EngineOp::apply(Linear& linear, const float* x, std::int64_t rows,
                     const std::vector<Sequence>& sequences, float* y) {
  const Entry& entry = entries_.at(linear.name());
  switch (entry.type) {
    case LinearType::kFloat:
      float_op_.apply(linear, x, rows, sequences, y);
      break;
    case LinearType::kW8A8:
      apply_static(entry, linear, x, rows, y);
      break;
    case LinearType::kW8A16:
    case LinearType::kW4A16:
      apply_weight_only(entry, linear, x, rows, y);
      break;
    case LinearType::kW8A8Dynamic:
    case LinearType::kW8A8Mix:
    case LinearType::kW4A8Dynamic:
    case LinearType::kW4A4Dynamic:
      apply_dynamic(entry, linear, x, rows, y);
      break;
    default:
      apply_float_format(entry, linear, x, rows, y);
  }
  if (entry.low_rank.rank > 0) add_low_rank(entry.low_rank, x, rows, model_dtype_, y);
}

void EngineOp::apply_each(const std::vector<Part>& parts, const float* x, std::int64_t rows,
                          const std::vector<Sequence>& sequences) {
  std::vector<DynamicProduct> products;
  for (const Part& part : parts) {
    const Entry& entry = entries_.at(part.linear->name());
    const bool per_token = entry.type == LinearType::kW8A8Dynamic ||
                           entry.type == LinearType::kW8A8Mix ||
                           entry.type == LinearType::kW4A8Dynamic;
    if (!per_token || !has_integer_product(entry) || entry.low_rank.rank > 0)
      return LinearOp::apply_each(parts, x, rows, sequences);
    products.push_back(dynamic_product(entry, *part.linear, part.y));
  }
  quantize_per_token(x, rows, parts.front().linear->spec().in, input_);
  multiply_dynamic(input_, products, rows);
}

DynamicProduct EngineOp::dynamic_product(const Entry& entry, const Linear& linear, float* y) {
  return {&entry.weight, entry.weight_scale.data(),
          linear.bias().empty() ? nullptr : linear.bias().data(), y};
}

void EngineOp::apply_float_format(const Entry& entry, const Linear& linear, const float* x,
                                  std::int64_t rows, float* y) {
  const std::int64_t in = linear.spec().in;
  std::vector<float> input(static_cast<std::size_t>(rows * in));
  fake_quantize_dynamic(entry.type, entry.float_format.dual_block, 1.0F, x, rows, in, input.data());
  // Grid values times powers of two are bfloat16 values.
  const bool exact = is_mx(entry.type) && entry.float_format.dual_block == 0;
  multiply_filled(
      linear, exact ? model_dtype_ : DType::kF32,
      [&](std::int64_t r, float* to) { dequantize_weight_row(entry.float_format, r, to); },
      input.data(), rows, y);
}

void EngineOp::apply_static(const Entry& entry, const Linear& linear, const float* x,
                            std::int64_t rows, float* y) {
  const std::int64_t in = linear.spec().in;
  const std::int64_t out = linear.spec().out;
  input_.codes.resize(static_cast<std::size_t>(rows * in));
  parallel_for(rows, [&](std::int64_t r) {
    quantize_s8(x + r * in, entry.input_scale, entry.input_offset, -128.0F,
                input_.codes.data() + r * in, in);
  });
  const auto take = [&](std::int64_t row, std::int64_t col, const SumTile& tile) {
    scale_biased_sums(tile, entry.quant_bias.data() + col, entry.deq_scale.data() + col,
                      entry.bias.empty() ? nullptr : entry.bias.data() + col, y + row * out + col,
                      out);
  };
  CodeWeight::multiply({{&entry.weight, take}}, input_.codes.data(), rows);
}

void EngineOp::apply_dynamic(const Entry& entry, const Linear& linear, const float* x,
                             std::int64_t rows, float* y) {
  const std::int64_t in = linear.spec().in;
  if (entry.type == LinearType::kW4A4Dynamic)
    quantize_per_token_int4(x, rows, in, linear.input_rotation().clip_ratio, input_);
  else
    quantize_per_token(x, rows, in, input_);
  if (has_integer_product(entry)) {
    multiply_dynamic(input_, {dynamic_product(entry, linear, y)}, rows);
    return;
  }
  // No engine has this form: codes times scale, then one product in fp32.
  std::vector<float> input(input_.codes.size());
  parallel_for(rows, [&](std::int64_t r) {
    for (std::int64_t j = r * in; j < (r + 1) * in; ++j)
      input[static_cast<std::size_t>(j)] =
          static_cast<float>(input_.codes[static_cast<std::size_t>(j)]) *
          input_.scales[static_cast<std::size_t>(r)];
  });
  multiply_dequantized(entry, linear, DType::kF32, input.data(), rows, y);
}

void EngineOp::multiply_dequantized(const Entry& entry, const Linear& linear, DType compute,
                                    const float* x, std::int64_t rows, float* y) {
  const std::int64_t in = linear.spec().in;
  const std::int64_t width = in / entry.groups;
  multiply_filled(
      linear, compute,
      [&](std::int64_t r, float* to) {
        const std::int8_t* codes = entry.codes + r * in;
        for (std::int64_t g = 0; g < entry.groups; ++g) {
          const auto at = static_cast<std::size_t>(r * entry.groups + g);
          const float offset = entry.weight_offset[at];
          const float scale = entry.weight_scale[at];
          for (std::int64_t j = g * width; j < (g + 1) * width; ++j)
            to[j] = (static_cast<float>(codes[j]) - offset) * scale;
        }
      },
      x, rows, y);
}

void EngineOp::multiply_filled(const Linear& linear, DType compute,
                               const std::function<void(std::int64_t, float*)>& fill,
                               const float* x, std::int64_t rows, float* y) {
  const std::int64_t in = linear.spec().in;
  const std::int64_t out = linear.spec().out;
  const float* bias = linear.bias().empty() ? nullptr : linear.bias().data();
  if (rows <= kFewRows) {
    few_rows_filled(x, fill, y, rows, out, in);
    if (bias != nullptr) add_bias(y, bias, rows, out);
    return;
  }
  ProductWeight weight(out, in, compute);
  weight.fill(fill);
  weight.multiply(x, rows, bias, y);
}

void EngineOp::apply_weight_only(const Entry& entry, const Linear& linear, const float* x,
                                 std::int64_t rows, float* y) {
  const std::int64_t in = linear.spec().in;
  const std::int64_t out = linear.spec().out;
  if (rows <= kFewRows && entry.groups == 1) {  // s (x q^T - o sum(x))
    few_rows_f32_s8(x, entry.codes, y, rows, out, in);
    for (std::int64_t r = 0; r < rows; ++r) {
      const float sum = std::accumulate(x + r * in, x + (r + 1) * in, 0.0F);
      for (std::int64_t i = 0; i < out; ++i) {
        const auto at = static_cast<std::size_t>(i);
        y[r * out + i] = (y[r * out + i] - entry.weight_offset[at] * sum) * entry.weight_scale[at];
      }
    }
    if (!linear.bias().empty()) add_bias(y, linear.bias().data(), rows, out);
    return;
  }
  multiply_dequantized(entry, linear, model_dtype_, x, rows, y);
}

}  // namespace msmodelslim
