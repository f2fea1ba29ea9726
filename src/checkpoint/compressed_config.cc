#include "checkpoint/compressed_config.h"

#include <algorithm>

namespace msmodelslim {
namespace {

using Input = CompressedScheme::Input;
using Weight = CompressedScheme::Weight;

constexpr std::int64_t kMxGroup = 32;

// The keys of compressed-tensors' QuantizationArgs, in its order.
Json args_json(int bits, bool symmetric, std::int64_t group_size, const char* strategy,
               bool dynamic, const char* observer) {
  Json args = Json::object();
  args["num_bits"] = bits;
  args["type"] = "int";
  args["symmetric"] = symmetric;
  args["group_size"] = group_size > 0 ? Json(group_size) : Json();
  args["strategy"] = strategy;
  args["block_structure"] = nullptr;
  args["dynamic"] = dynamic;
  args["actorder"] = nullptr;
  args["scale_dtype"] = nullptr;
  args["zp_dtype"] = symmetric ? Json() : Json("torch.int8");
  args["observer"] = observer == nullptr ? Json() : Json(observer);
  args["observer_kwargs"] = Json::object();
  return args;
}

// The same of floating-point codes.
Json float_args(const CompressedScheme& scheme, int bits, const char* strategy, bool dynamic) {
  Json args = args_json(bits, true, scheme.is_mx() ? kMxGroup : 0, strategy, dynamic, nullptr);
  args["type"] = "float";
  if (scheme.is_mx()) args["scale_dtype"] = args["zp_dtype"] = "torch.uint8";
  return args;
}

const char* format_of(const CompressedScheme& scheme) {
  switch (scheme.weight) {
    case Weight::kFp8:
      return "float-quantized";
    case Weight::kMxFp8:
      return "mxfp8-quantized";
    case Weight::kMxFp4:
      return "mxfp4-pack-quantized";
    case Weight::kInt:
      break;
  }
  return scheme.packed ? "pack-quantized" : "int-quantized";
}

Json input_json(const CompressedScheme& scheme) {
  if (scheme.input == Input::kFloat) return nullptr;
  if (scheme.weight != Weight::kInt)
    return float_args(scheme, scheme.input_bits, scheme.is_mx() ? "group" : "token", true);
  if (scheme.input == Input::kToken)
    return args_json(8, scheme.input_symmetric, 0, "token", true, nullptr);
  return args_json(8, scheme.input_symmetric, 0, "tensor", false, "memoryless_minmax");
}

Json group_json(const CompressedGroup& group, bool only) {
  const CompressedScheme& scheme = group.scheme;
  Json json = Json::object();
  json["targets"] = Json::array({only ? "Linear" : pattern_of_names(group.names)});
  const char* strategy = scheme.group_size > 0 ? "group" : "channel";
  json["weights"] =
      scheme.weight != Weight::kInt
          ? float_args(scheme, scheme.bits, strategy, false)
          : args_json(scheme.bits, scheme.symmetric, scheme.group_size, strategy, false, "minmax");
  json["input_activations"] = input_json(scheme);
  json["output_activations"] = nullptr;
  json["format"] = format_of(scheme);
  return json;
}

}  // namespace

std::optional<CompressedScheme> compressed_scheme(LinearType type, std::int64_t group_size) {
  CompressedScheme scheme;
  scheme.group_size = group_size;
  switch (type) {
    case LinearType::kW8A8:
      scheme.input = Input::kTensor;
      return scheme;
    case LinearType::kW8A8Dynamic:
      if (group_size > 0) return std::nullopt;
      return scheme;
    case LinearType::kW8A16:
    case LinearType::kW4A16:
      scheme.bits = type == LinearType::kW4A16 ? 4 : 8;
      scheme.input = Input::kFloat;
      scheme.packed = true;
      return scheme;
    case LinearType::kFp8Dynamic:
      scheme.weight = Weight::kFp8;
      return scheme;
    case LinearType::kMxFp8:
      scheme.weight = Weight::kMxFp8;
      scheme.group_size = kMxGroup;
      return scheme;
    case LinearType::kMxFp4:
    case LinearType::kW4A8MxFp:
      scheme.weight = Weight::kMxFp4;
      scheme.group_size = kMxGroup;
      scheme.bits = 4;
      scheme.input_bits = type == LinearType::kMxFp4 ? 4 : 8;
      return scheme;
    default:
      return std::nullopt;
  }
}

std::string compressed_types_text() {
  return "W8A8, W8A8_DYNAMIC (per_channel weights), W8A16, W4A16, WFP8AFP8_DYNAMIC, W8A8_MXFP8, "
         "W4A8_MXFP, W4A4_MXFP4";
}

std::vector<std::string> compressed_suffixes(const CompressedScheme& scheme) {
  const bool packed = scheme.packed || scheme.weight == Weight::kMxFp4;
  std::vector<std::string> suffixes = {packed ? "weight_packed" : "weight", "weight_scale"};
  if (!scheme.symmetric) suffixes.emplace_back("weight_zero_point");
  if (scheme.packed) suffixes.emplace_back("weight_shape");
  if (scheme.input == Input::kTensor) {
    suffixes.emplace_back("input_scale");
    if (!scheme.input_symmetric) suffixes.emplace_back("input_zero_point");
  }
  return suffixes;
}

Json compressed_config_json(const std::vector<CompressedGroup>& groups,
                            const std::vector<std::string>& ignore) {
  Json list = Json::object();
  for (std::size_t i = 0; i < groups.size(); ++i)
    list["group_" + std::to_string(i)] = group_json(groups[i], groups.size() == 1);
  const bool same = std::all_of(groups.begin(), groups.end(), [&](const CompressedGroup& group) {
    return std::string_view(format_of(group.scheme)) == format_of(groups.front().scheme);
  });
  Json json = Json::object();
  json["version"] = "0.13.0";
  json["quant_method"] = "compressed-tensors";
  json["sparsity_config"] = Json::object();
  json["transform_config"] = Json::object();
  json["config_groups"] = std::move(list);
  json["format"] = same ? format_of(groups.front().scheme) : "mixed-precision";
  json["quantization_status"] = "compressed";
  json["global_compression_ratio"] = nullptr;
  json["ignore"] = ignore.empty() ? Json::array() : Json::array({pattern_of_names(ignore)});
  json["kv_cache_scheme"] = nullptr;
  return json;
}

}  // namespace msmodelslim
