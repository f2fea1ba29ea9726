// What EngineOp takes from a compressed-tensors folder.
#include "base/error.h"
#include "base/threads.h"
#include "checkpoint/pack_int32.h"
#include "runtime/engine_op.h"

namespace msmodelslim {
namespace {

using Input = CompressedScheme::Input;
using Weight = CompressedScheme::Weight;

std::vector<float> floats(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.count()));
  to_f32(view, values.data());
  return values;
}

// One integer of a tensor with a single element.
float integer_of(const TensorView& view, const std::string& name) {
  if (view.count() == 1 && view.dtype == DType::kI8)
    return static_cast<float>(*view.as<std::int8_t>());
  if (view.count() == 1 && view.dtype == DType::kI32)
    return static_cast<float>(*view.as<std::int32_t>());
  if (view.count() == 1 && is_float(view.dtype)) return floats(view)[0];
  throw DataError(fmt::format("{} is {} {}, expected one number", name, dtype_name(view.dtype),
                              shape_text(view.shape)),
                  "quantize the model again");
}

// The tensors of one linear, checked.
struct Source {
  const CheckpointReader& checkpoint;
  const LinearSpec& spec;

  TensorView at(const char* suffix, const Shape& shape, DType dtype) const {
    const TensorView view = checkpoint.at(spec.name + "." + suffix);
    const bool fits = dtype == DType::kF32 ? is_float(view.dtype) : view.dtype == dtype;
    if (view.shape != shape || !fits)
      throw DataError(
          fmt::format("{}.{} is {} {}, expected {} {}", spec.name, suffix, dtype_name(view.dtype),
                      shape_text(view.shape), dtype_name(dtype), shape_text(shape)),
          "quantize the model again");
    return view;
  }
  float number(const char* suffix) const {
    const std::string name = spec.name + "." + suffix;
    return integer_of(checkpoint.at(name), name);
  }
};

std::vector<float> zero_points(const Source& source, const CompressedScheme& scheme) {
  const Shape shape = {source.spec.out, scheme.groups(source.spec.in)};
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  if (scheme.symmetric) return values;
  Tensor unpacked;
  const std::int8_t* codes = nullptr;
  if (scheme.packed) {
    const TensorView packed = source.at(
        "weight_zero_point", {packed_words(shape[0], scheme.bits), shape[1]}, DType::kI32);
    unpacked = unpack_columns_int32(packed, scheme.bits, shape);
    codes = unpacked.as<std::int8_t>();
  } else {
    codes = source.at("weight_zero_point", shape, DType::kI8).as<std::int8_t>();
  }
  std::copy_n(codes, values.size(), values.begin());
  return values;
}

LinearType type_of(const CompressedScheme& scheme) {
  switch (scheme.weight) {
    case Weight::kFp8:
      return LinearType::kFp8Dynamic;
    case Weight::kMxFp8:
      return LinearType::kMxFp8;
    case Weight::kMxFp4:
      return scheme.input_bits == 4 ? LinearType::kMxFp4 : LinearType::kW4A8MxFp;
    case Weight::kInt:
      break;
  }
  switch (scheme.input) {
    case Input::kTensor:
      return LinearType::kW8A8;
    case Input::kToken:
      return LinearType::kW8A8Dynamic;
    case Input::kFloat:
      break;
  }
  return scheme.bits == 4 ? LinearType::kW4A16 : LinearType::kW8A16;
}

QuantizedLinear float_format(const Source& source, const CompressedScheme& scheme) {
  QuantizedLinear linear;
  linear.spec = source.spec;
  linear.type = type_of(scheme);
  const auto& [out, in] = std::pair{source.spec.out, source.spec.in};
  linear.codes = Tensor::copy_of(scheme.weight == Weight::kMxFp4
                                     ? source.at("weight_packed", {out, in / 2}, DType::kU8)
                                     : source.at("weight", {out, in}, DType::kF8E4M3));
  if (scheme.is_mx()) {
    const TensorView scale = source.at("weight_scale", {out, scheme.groups(in)}, DType::kU8);
    linear.exponents.assign(scale.as<std::uint8_t>(), scale.as<std::uint8_t>() + scale.count());
  } else {
    linear.weight_scale = floats(source.at("weight_scale", {out, 1}, DType::kF32));
  }
  return linear;
}

// -zp * sum of the row's codes
std::vector<std::int32_t> corrections(const std::int8_t* codes, const LinearSpec& spec,
                                      float zero_point) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(spec.out));
  parallel_for(spec.out, [&](std::int64_t i) {
    std::int32_t sum = 0;
    for (std::int64_t j = 0; j < spec.in; ++j) sum += codes[i * spec.in + j];
    values[static_cast<std::size_t>(i)] = -static_cast<std::int32_t>(zero_point) * sum;
  });
  return values;
}

}  // namespace

void EngineOp::load_compressed(const ModelSpec& model) {
  const CompressedConfig config = CompressedConfig::read(checkpoint_.folder());
  const auto add = [&](const LinearSpec& spec) {
    const auto scheme = config.scheme_of(spec.name);
    entries_[spec.name] = scheme ? compressed_entry(spec, *scheme) : Entry();
  };
  for (const BlockSpec& block : model.blocks)
    for (const LinearSpec* linear : block.linears()) add(*linear);
  add(model.head);
}

EngineOp::Entry EngineOp::compressed_entry(const LinearSpec& spec,
                                           const CompressedScheme& scheme) const {
  if (scheme.group_size > 0 && spec.in % scheme.group_size != 0)
    throw DataError(
        fmt::format("{} has {} inputs, its groups {}", spec.name, spec.in, scheme.group_size),
        "config.json belongs to another model");
  const Source source{checkpoint_, spec};
  Entry entry;
  entry.type = type_of(scheme);
  if (scheme.weight != Weight::kInt) {
    entry.float_format = float_format(source, scheme);
    return entry;
  }
  entry.groups = scheme.groups(spec.in);
  if (scheme.packed) {
    const Shape shape = {spec.out, packed_words(spec.in, scheme.bits)};
    entry.unpacked = unpack_rows_int32(source.at("weight_packed", shape, DType::kI32), scheme.bits,
                                       {spec.out, spec.in});
    entry.codes = entry.unpacked.as<std::int8_t>();
  } else {
    entry.codes = source.at("weight", {spec.out, spec.in}, DType::kI8).as<std::int8_t>();
  }
  entry.weight_scale = floats(source.at("weight_scale", {spec.out, entry.groups}, DType::kF32));
  const bool integer_product =
      entry.type == LinearType::kW8A8Dynamic && scheme.symmetric && entry.groups == 1;
  if (!integer_product) entry.weight_offset = zero_points(source, scheme);
  if (scheme.input != Input::kTensor) return entry;
  entry.input_scale = floats(source.at("input_scale", {1}, DType::kF32))[0];
  entry.input_offset = scheme.input_symmetric ? 0.0F : source.number("input_zero_point");
  entry.quant_bias = corrections(entry.codes, spec, entry.input_offset);
  for (float scale : entry.weight_scale) entry.deq_scale.push_back(scale * entry.input_scale);
  if (checkpoint_.has(spec.name + ".bias"))
    entry.bias = floats(source.at("bias", {spec.out}, DType::kF32));
  return entry;
}

}  // namespace msmodelslim
