#include "save/compressed_tensors_saver.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/pack_int32.h"
#include "save/verify_compressed.h"

namespace msmodelslim {
namespace {

constexpr const char* kStem = "model";

Tensor zero_points(const std::vector<float>& offsets, const Shape& shape) {
  Tensor points(DType::kI8, shape);
  for (std::size_t i = 0; i < offsets.size(); ++i)
    points.as<std::int8_t>()[i] = static_cast<std::int8_t>(offsets[i]);
  return points;
}

CompressedScheme scheme_of(const QuantizedLinear& linear) {
  auto scheme = compressed_scheme(linear.type, linear.group_size);
  const bool partial = scheme && scheme->is_mx() && linear.spec.in % scheme->group_size != 0;
  if (!scheme || partial || (!scheme->packed && !linear.weight_offset.empty()))
    throw UsageError(fmt::format("{}: compressed-tensors has no form for {}{}", linear.spec.name,
                                 linear_type_name(linear.type),
                                 linear.group_size > 0 ? " in groups"
                                 : partial             ? " of inputs that are no multiple of 32"
                                                       : ""),
                     "forms: " + compressed_types_text());
  scheme->symmetric = linear.weight_offset.empty();
  scheme->input_symmetric =
      scheme->input != CompressedScheme::Input::kTensor || linear.input_symmetric;
  return *scheme;
}

}  // namespace

std::vector<OutputTensor> compressed_tensors(QuantizedLinear linear, const CompressedScheme& scheme,
                                             DType model_dtype) {
  std::vector<OutputTensor> out;
  const std::int64_t n = linear.spec.out;
  const Shape grid = {n, linear.groups()};
  const auto add = [&](const char* suffix, Tensor tensor) {
    out.push_back({linear.spec.name + "." + suffix, std::move(tensor), linear.type});
  };
  if (scheme.is_mx()) {
    Tensor exponents(DType::kU8, {n, scheme.groups(linear.spec.in)});
    std::copy(linear.exponents.begin(), linear.exponents.end(), exponents.as<std::uint8_t>());
    const bool packed = scheme.weight == CompressedScheme::Weight::kMxFp4;
    add(packed ? "weight_packed" : "weight", std::move(linear.codes));
    add("weight_scale", std::move(exponents));
    if (!linear.bias.empty()) add("bias", from_f32(linear.bias.data(), {n}, model_dtype));
    return out;
  }
  if (scheme.packed)
    add("weight_packed", pack_rows_int32(linear.codes, scheme.bits));
  else
    add("weight", std::move(linear.codes));
  add("weight_scale", from_f32(linear.weight_scale.data(), grid, model_dtype));
  if (!scheme.symmetric)
    add("weight_zero_point",
        pack_columns_int32(zero_points(linear.weight_offset, grid), scheme.bits));
  if (scheme.packed) {
    Tensor shape(DType::kI64, {2});
    shape.as<std::int64_t>()[0] = n;
    shape.as<std::int64_t>()[1] = linear.spec.in;
    add("weight_shape", std::move(shape));
  }
  if (!linear.bias.empty()) add("bias", from_f32(linear.bias.data(), {n}, model_dtype));
  if (scheme.input == CompressedScheme::Input::kTensor) {
    add("input_scale", from_f32(&linear.input.scale, {1}, DType::kF32));
    if (!scheme.input_symmetric) add("input_zero_point", zero_points({linear.input.offset}, {1}));
  }
  return out;
}

CompressedTensorsSaver::CompressedTensorsSaver(std::string folder, std::uint64_t part_bytes,
                                               DType model_dtype)
    : Saver(std::move(folder), kStem, part_bytes), model_dtype_(model_dtype) {}

void CompressedTensorsSaver::put_linear(QuantizedLinear linear) {
  const CompressedScheme scheme = scheme_of(linear);
  auto group = std::find_if(groups_.begin(), groups_.end(),
                            [&](const CompressedGroup& g) { return g.scheme == scheme; });
  if (group == groups_.end()) group = groups_.insert(group, {scheme, {}});
  group->names.push_back(linear.spec.name);
  for (OutputTensor& tensor : compressed_tensors(std::move(linear), scheme, model_dtype_))
    put(tensor.name, std::move(tensor.tensor), tensor.type);
}

void CompressedTensorsSaver::put_extra(const ModuleTensor& extra) {
  throw UsageError(
      fmt::format("{} has no place in a compressed-tensors folder", extra.name),
      "drop --save_format compressed_tensors, or the recipe's entry that makes this tensor");
}

Json CompressedTensorsSaver::format_state() const {
  Json groups = Json::array();
  for (const CompressedGroup& group : groups_) {
    const CompressedScheme& s = group.scheme;
    groups.push_back({{"scheme",
                       {s.bits, s.symmetric, s.group_size, s.packed, static_cast<int>(s.input),
                        s.input_symmetric, static_cast<int>(s.weight), s.input_bits}},
                      {"names", group.names}});
  }
  return {{"groups", std::move(groups)}, {"ignore", ignore_}};
}

void CompressedTensorsSaver::resume_format(const Json& state) {
  for (const Json& group : state.at("groups")) {
    const Json& s = group.at("scheme");
    groups_.push_back(
        {{static_cast<CompressedScheme::Weight>(s.at(6).get<int>()), s.at(0), s.at(1), s.at(2),
          s.at(3), static_cast<CompressedScheme::Input>(s.at(4).get<int>()), s.at(5), s.at(7)},
         group.at("names").get<std::vector<std::string>>()});
  }
  ignore_ = state.at("ignore").get<std::vector<std::string>>();
}

void CompressedTensorsSaver::finish() {
  finish_weights();
  if (groups_.empty()) return;
  const std::string path = (fs::path(folder()) / "config.json").string();
  Json config = read_json_file(path);
  // Matrices that were copied may belong to linears too, for example of a tower for images.
  constexpr std::string_view kWeight = ".weight";
  std::vector<std::string> ignore = ignore_;
  for (const WrittenTensor& tensor : written())
    if (copied().count(tensor.name) > 0 && tensor.shape.size() == 2 &&
        tensor.name.ends_with(kWeight))
      ignore.push_back(tensor.name.substr(0, tensor.name.size() - kWeight.size()));
  config["quantization_config"] = compressed_config_json(groups_, ignore);
  write_file_atomic(path, dump_json_python(config, 2));
}

std::vector<std::string> CompressedTensorsSaver::problems(const ModelSpec& model,
                                                          bool allow_mixed_groups) const {
  return find_compressed_problems(folder(), model, written(), allow_mixed_groups, copied());
}

}  // namespace msmodelslim
