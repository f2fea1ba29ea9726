// autoround_quant: iters, what to tune, and a list of strategies {qconfig, include, exclude}.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "checkpoint/ascendv1.h"
#include "recipe/join_words.h"
#include "recipe/plan_reader.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

constexpr std::size_t kLongestPattern = 200;
constexpr std::int64_t kMostIters = 100000;
constexpr std::array<std::string_view, 3> kDtypes = {"float", "int8", "int4"};
constexpr std::array<std::string_view, 3> kScaleDtypes = {"bfloat16", "float16", "float32"};
constexpr std::array<std::string_view, 2> kLosses = {"absolute", "squared"};

template <typename List>
bool is_one_of(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

void check_group_size(const QConfig& config, const YamlValue& value, const std::string& path,
                      Problems* problems) {
  const bool grouped = config.scope == "per_group";
  if (!config.ext.contains("group_size")) {
    if (grouped)
      problems->add(path + ".ext.group_size", value.line, "is required with scope per_group");
    return;
  }
  const Json& size = config.ext.at("group_size");
  if (!grouped)
    problems->add(path + ".ext.group_size", value.line, "belongs to scope per_group only");
  else if (!size.is_number_integer() || size.get<std::int64_t>() < 1)
    problems->add(path + ".ext.group_size", value.line, "must be a whole number above 0");
}

void check_side(const QConfig& config, Side side, const YamlValue& value, const std::string& path,
                ReadContext context) {
  if (!is_one_of(kDtypes, config.dtype))
    context.problems->add(path + ".dtype", value.line,
                          fmt::format("'{}' cannot be learned; autoround_quant has {}",
                                      config.dtype, join_words(kDtypes)));
  check_group_size(config, value, path, context.problems);
  for (const auto& [key, entry] : config.ext.items()) {
    if (key == "group_size") continue;
    if (key == "scale_dtype" && side == Side::kWeight) {
      if (!entry.is_string() || !is_one_of(kScaleDtypes, entry.get<std::string>()))
        context.problems->add(path + ".ext.scale_dtype", value.line,
                              fmt::format("must be one of {}", join_words(kScaleDtypes)));
      continue;
    }
    if (key == "full_range" && side == Side::kWeight) {
      if (!entry.is_boolean())
        context.problems->add(path + ".ext.full_range", value.line, "must be true or false");
      else if (!config.symmetric)
        context.problems->add(path + ".ext.full_range", value.line, "belongs to symmetric only");
      continue;
    }
    context.warnings->push_back(
        fmt::format("{}.ext.{} (line {}) has no effect in autoround_quant", path, key, value.line));
  }
}

std::optional<QConfig> read_side(const YamlValue& value, const std::string& path, Side side,
                                 ReadContext context) {
  auto config = read_any_qconfig(value, path, context);
  if (config) check_side(*config, side, value, path, context);
  return config;
}

// The AscendV1 type of the pair; float with float: FLOAT, which leaves the linear as it is.
std::string pair_type(const LinearQuantStep& step) {
  if (step.act.is_float() && step.weight.is_float()) return "FLOAT";
  const std::string type = exported_type(step.act, step.weight).value_or("");
  return linear_type_from_name(type) ? type : "";
}

void read_pair(const YamlValue& value, const std::string& path, ReadContext context,
               LinearQuantStep* step) {
  Fields pair(value, path, context.problems);
  if (!pair.is_map()) return;
  std::optional<QConfig> act = QConfig{};
  std::optional<QConfig> weight;
  if (const YamlValue* side = pair.get("act"))
    act = read_side(*side, pair.path_of("act"), Side::kAct, context);
  if (const YamlValue* side = pair.require("weight"))
    weight = read_side(*side, pair.path_of("weight"), Side::kWeight, context);
  pair.finish();
  if (!act || !weight) return;
  step->act = *act;
  step->weight = *weight;
  step->type = pair_type(*step);
  if (step->weight.ext.value("full_range", Json()) == true && !step->act.is_float())
    context.problems->add(path, value.line,
                          "full_range is for weights alone (float activations): its scales may be "
                          "negative, which integer kernels need not take");
  if (!step->type.empty()) return;
  const auto describe = [](const QConfig& config) {
    return fmt::format("{} {} {}", config.dtype, config.scope,
                       config.symmetric ? "symmetric" : "asymmetric");
  };
  context.problems->add(path, value.line,
                        fmt::format("no output format holds activations {} with weights {}",
                                    describe(step->act), describe(step->weight)));
}

LinearQuantStep read_strategy(const YamlValue& item, const std::string& path, ReadContext context) {
  LinearQuantStep step;
  Fields fields(item, path, context.problems);
  if (!fields.is_map()) return step;
  if (const YamlValue* qconfig = fields.require("qconfig"))
    read_pair(*qconfig, fields.path_of("qconfig"), context, &step);
  auto include = fields.texts("include", kLongestPattern, false);
  auto exclude = fields.texts("exclude", kLongestPattern, false);
  fields.finish();
  try {
    step.filter = {std::move(include).value_or(std::vector<std::string>{"*"}),
                   std::move(exclude).value_or(std::vector<std::string>{}), false};
  } catch (const UsageError& e) {
    context.problems->add(path, item.line, e.what());
  }
  return step;
}

}  // namespace

AutoroundStep read_autoround(Fields* fields, ReadContext context) {
  AutoroundStep step;
  step.iters = static_cast<int>(fields->integer("iters", step.iters, 1, kMostIters));
  step.lr = fields->fraction("lr");
  step.tune_minmax = fields->boolean("enable_minmax_tuning", step.tune_minmax);
  step.tune_round = fields->boolean("enable_round_tuning", step.tune_round);
  if (!step.tune_minmax && !step.tune_round)
    fields->problem("enable_round_tuning",
                    "is false and so is enable_minmax_tuning: nothing would be learned; set one of "
                    "them to true, or use linear_quant");
  const std::string loss = fields->text("loss", std::string(kLosses[0]), kLongestPattern);
  step.squared_loss = loss == kLosses[1];
  if (!is_one_of(kLosses, loss))
    fields->problem("loss", fmt::format("must be one of {}", join_words(kLosses)));
  step.quantized_inputs = fields->boolean("quantized_inputs", step.quantized_inputs);
  fields->require("strategies");
  const YamlValue* strategies = fields->list("strategies");
  if (strategies == nullptr) return step;
  if (strategies->items.empty())
    fields->problem("strategies", "is empty; add at least one entry with a qconfig");
  for (std::size_t i = 0; i < strategies->items.size(); ++i)
    step.strategies.push_back(read_strategy(
        strategies->items[i], fmt::format("{}.{}", fields->path_of("strategies"), i), context));
  return step;
}

}  // namespace msmodelslim
