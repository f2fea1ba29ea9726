// Reads "quantization_config" as other tools write it too: keys that do not matter are ignored.
#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/compressed_config.h"

namespace msmodelslim {
namespace {

using Input = CompressedScheme::Input;
using Weight = CompressedScheme::Weight;
constexpr const char* kRemedy =
    "eval computes int8 weights with int8 inputs (channel; token or tensor) and packed int4 or "
    "int8 "
    "weights alone (channel, group), fp8 (channel; token), and MXFP8 and MXFP4 (groups of 32)";

std::string config_path(const std::string& folder) {
  return (fs::path(folder) / "config.json").string();
}

// The value of a key, null when absent.
Json value_of(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) ? object.at(key) : Json();
}

struct Reader {
  std::string where;  // config.json: quantization_config.config_groups.group_0

  [[noreturn]] void fail(const std::string& key, const Json& value) const {
    throw DataError(fmt::format("{}.{} is {}, which eval cannot compute", where, key, value.dump()),
                    kRemedy);
  }
  void require(bool good, const std::string& key, const Json& value) const {
    if (!good) fail(key, value);
  }

  void weights(const Json& args, CompressedScheme& scheme) const {
    require(args.is_object(), "weights", args);
    const Json bits = value_of(args, "num_bits");
    require(bits == 8 || bits == 4, "weights.num_bits", bits);
    const Json type = value_of(args, "type");
    const bool is_float = type == "float";
    require(type.is_null() || type == "int" || is_float, "weights.type", type);
    const Json dynamic = value_of(args, "dynamic");
    require(dynamic.is_null() || dynamic == false, "weights.dynamic", dynamic);
    const Json order = value_of(args, "actorder");
    require(order.is_null() || order == "static" || order == "weight", "weights.actorder", order);
    scheme.bits = bits.get<int>();
    scheme.symmetric = value_of(args, "symmetric") != false;
    const Json strategy = value_of(args, "strategy");
    const Json size = value_of(args, "group_size");
    if (strategy == "group" || (strategy.is_null() && size.is_number_integer() && size > 0)) {
      require(size.is_number_integer() && size > 0, "weights.group_size", size);
      scheme.group_size = size.get<std::int64_t>();
    } else {
      require(strategy == "channel", "weights.strategy", strategy);
    }
    if (is_float) float_weights(scheme);
  }

  void float_weights(CompressedScheme& scheme) const {
    constexpr std::int64_t kMxGroup = 32;
    require(scheme.symmetric, "weights.symmetric", false);
    require(scheme.group_size == kMxGroup || (scheme.group_size == 0 && scheme.bits == 8),
            "weights.group_size", scheme.group_size);
    scheme.weight = scheme.bits == 4        ? Weight::kMxFp4
                    : scheme.group_size > 0 ? Weight::kMxFp8
                                            : Weight::kFp8;
  }

  void float_inputs(const Json& args, CompressedScheme& scheme) const {
    const Json type = value_of(args, "type");
    require(type == "float", "input_activations.type", type);
    const Json dynamic = value_of(args, "dynamic");
    require(dynamic == true, "input_activations.dynamic", dynamic);
    const Json strategy = value_of(args, "strategy");
    require(strategy == (scheme.is_mx() ? "group" : "token"), "input_activations.strategy",
            strategy);
    const Json bits = value_of(args, "num_bits");
    require(bits == 8 || (bits == 4 && scheme.weight == Weight::kMxFp4),
            "input_activations.num_bits", bits);
    if (scheme.is_mx()) {
      const Json size = value_of(args, "group_size");
      require(size == scheme.group_size, "input_activations.group_size", size);
    }
    scheme.input_bits = bits.get<int>();
    scheme.input = Input::kToken;
  }

  void inputs(const Json& args, CompressedScheme& scheme) const {
    scheme.input = Input::kFloat;
    if (scheme.weight != Weight::kInt) {
      require(!args.is_null(), "input_activations", args);
      float_inputs(args, scheme);
      return;
    }
    if (args.is_null()) return;
    const Json bits = value_of(args, "num_bits");
    require(bits == 8, "input_activations.num_bits", bits);
    const Json type = value_of(args, "type");
    require(type.is_null() || type == "int", "input_activations.type", type);
    const Json strategy = value_of(args, "strategy");
    const Json dynamic = value_of(args, "dynamic");
    scheme.input_symmetric = value_of(args, "symmetric") != false;
    scheme.input = strategy == "token" ? Input::kToken : Input::kTensor;
    if (scheme.input == Input::kTensor) {
      require(strategy == "tensor", "input_activations.strategy", strategy);
      require(dynamic.is_null() || dynamic == false, "input_activations.dynamic", dynamic);
    } else {
      require(dynamic == true, "input_activations.dynamic", dynamic);
      require(scheme.input_symmetric, "input_activations.symmetric", false);
    }
  }
};

bool fits(const CompressedScheme& scheme, const Json& format) {
  switch (scheme.weight) {
    case Weight::kFp8:
      return format == "float-quantized" || format == "naive-quantized";
    case Weight::kMxFp8:
      return format == "mxfp8-quantized";
    case Weight::kMxFp4:
      return format == "mxfp4-pack-quantized";
    case Weight::kInt:
      break;
  }
  return format == "pack-quantized" || format == "int-quantized" || format == "naive-quantized";
}

std::vector<NamePattern> patterns_of(const Json& list, const std::string& where) {
  std::vector<NamePattern> patterns;
  if (list.is_null()) return patterns;
  if (!list.is_array())
    throw DataError(fmt::format("{} is {}, expected a list of names", where, list.dump()));
  for (const Json& item : list) {
    if (!item.is_string())
      throw DataError(fmt::format("{} holds {}, expected names", where, item.dump()));
    patterns.emplace_back(item.get<std::string>(), where);
  }
  return patterns;
}

bool any_matches(const std::vector<NamePattern>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const NamePattern& pattern) { return pattern.matches(name); });
}

}  // namespace

bool CompressedConfig::present(const std::string& folder) {
  std::error_code ec;
  if (!fs::exists(config_path(folder), ec)) return false;
  const Json config = value_of(read_json_file(config_path(folder)), "quantization_config");
  return value_of(config, "quant_method") == "compressed-tensors";
}

CompressedConfig CompressedConfig::read(const std::string& folder) {
  const std::string path = config_path(folder);
  return parse(value_of(read_json_file(path), "quantization_config"),
               path + ": quantization_config");
}

CompressedConfig CompressedConfig::parse(const Json& config, const std::string& where) {
  const Json groups = value_of(config, "config_groups");
  if (!groups.is_object() || groups.empty())
    throw DataError(where + " has no config_groups", kRemedy);
  CompressedConfig result;
  for (const auto& [name, json] : groups.items()) {
    const Reader reader{where + ".config_groups." + name};
    Group group;
    reader.weights(value_of(json, "weights"), group.scheme);
    reader.inputs(value_of(json, "input_activations"), group.scheme);
    Json format = value_of(json, "format");
    if (format.is_null()) format = value_of(config, "format");
    group.scheme.packed = format == "pack-quantized";
    reader.require(fits(group.scheme, format), "format", format);
    const bool integers = group.scheme.weight == Weight::kInt;
    reader.require(!integers || group.scheme.packed || group.scheme.bits == 8, "weights.num_bits",
                   group.scheme.bits);
    if (group.scheme.input != Input::kFloat)
      reader.require(group.scheme.symmetric, "weights.symmetric", false);
    if (group.scheme.input == Input::kTensor)
      reader.require(group.scheme.group_size == 0, "weights.group_size", group.scheme.group_size);
    Json targets = value_of(json, "targets");
    if (targets.is_array())
      for (const Json& target : targets) group.all_linears |= target == "Linear";
    group.targets = patterns_of(targets, reader.where + ".targets");
    result.groups_.push_back(std::move(group));
  }
  result.ignore_ = patterns_of(value_of(config, "ignore"), where + ".ignore");
  return result;
}

std::optional<CompressedScheme> CompressedConfig::scheme_of(const std::string& linear) const {
  if (any_matches(ignore_, linear)) return std::nullopt;
  for (const Group& group : groups_)
    if (any_matches(group.targets, linear)) return group.scheme;
  for (const Group& group : groups_)
    if (group.all_linears) return group.scheme;
  return std::nullopt;
}

}  // namespace msmodelslim
