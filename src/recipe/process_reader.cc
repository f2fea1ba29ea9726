#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "recipe/cache_reader.h"
#include "recipe/join_words.h"
#include "recipe/nearest.h"
#include "recipe/plan_reader.h"

namespace msmodelslim {
namespace {

using Kind = YamlValue::Kind;

constexpr std::size_t kLongestPattern = 200;
constexpr std::array<std::string_view, 4> kSubgraphTypes = {"norm-linear", "linear-linear", "ov",
                                                            "up-down"};

// One processor entry while it is read.
struct Entry {
  Fields* fields;
  const ProcessorInfo* info;
  ReadContext context;
  int line;
};

bool has_field(const ProcessorInfo& info, std::string_view field) {
  return std::find(info.fields.begin(), info.fields.end(), field) != info.fields.end();
}

NameFilter read_filter(Entry entry, std::vector<std::string> default_include, bool smooth_family) {
  auto include = entry.fields->texts("include", kLongestPattern, smooth_family);
  auto exclude = entry.fields->texts("exclude", kLongestPattern, smooth_family);
  try {
    return {std::move(include).value_or(std::move(default_include)),
            std::move(exclude).value_or(std::vector<std::string>{}), smooth_family};
  } catch (const UsageError& e) {
    entry.context.problems->add(entry.fields->path(), entry.line, e.what());
    return {};
  }
}

std::string describe(const QConfig& config) {
  return fmt::format("{} {} {} {}", config.dtype, config.scope,
                     config.symmetric ? "symmetric" : "asymmetric", config.method);
}

void check_pair(const LinearQuantStep& step, Entry entry) {
  Problems* problems = entry.context.problems;
  const std::string path = entry.fields->path_of("qconfig");
  if (step.type.empty()) {
    problems->add(path, entry.line,
                  fmt::format("no output format holds activations {} with weights {}; such weights "
                              "go with activations: {}",
                              describe(step.act), describe(step.weight),
                              join_words(activations_for(step.weight))));
    return;
  }
  if (!find_quantizer(Side::kAct, step.act)->built)
    problems->add(path + ".act", entry.line,
                  fmt::format("activation quantization {} is not built yet", describe(step.act)));
  if (!find_quantizer(Side::kWeight, step.weight)->built)
    problems->add(path + ".weight", entry.line,
                  fmt::format("weight quantization {} is not built yet", describe(step.weight)));
}

// qconfig: {act, weight}; false when it has problems.
bool read_pair(Entry entry, QConfig* act_out, QConfig* weight_out) {
  const YamlValue* qconfig = entry.fields->require("qconfig");
  if (qconfig == nullptr) return false;
  Fields pair(*qconfig, entry.fields->path_of("qconfig"), entry.context.problems);
  std::optional<QConfig> act = QConfig{};
  std::optional<QConfig> weight;
  if (const YamlValue* value = pair.get("act"))
    act = read_qconfig(*value, pair.path_of("act"), Side::kAct, entry.context);
  if (const YamlValue* value = pair.require("weight"))
    weight = read_qconfig(*value, pair.path_of("weight"), Side::kWeight, entry.context);
  pair.finish();
  if (!act || !weight) return false;
  *act_out = *act;
  *weight_out = *weight;
  return true;
}

LinearQuantStep read_linear_quant(Entry entry) {
  LinearQuantStep step;
  step.filter = read_filter(entry, {"*"}, false);
  if (!read_pair(entry, &step.act, &step.weight)) return step;
  step.type = exported_type(step.act, step.weight).value_or("");
  check_pair(step, entry);
  return step;
}

std::set<std::string> read_subgraph_types(Entry entry) {
  const auto names = entry.fields->texts("enable_subgraph_type", kLongestPattern, false);
  if (!names) return {kSubgraphTypes.begin(), kSubgraphTypes.end()};
  std::set<std::string> types;
  for (const std::string& name : *names) {
    types.insert(name);
    if (std::find(kSubgraphTypes.begin(), kSubgraphTypes.end(), name) != kSubgraphTypes.end())
      continue;
    entry.fields->problem("enable_subgraph_type", fmt::format("'{}' is unknown; known values: {}",
                                                              name, join_words(kSubgraphTypes)));
  }
  return types;
}

std::int64_t read_search_rows(Entry entry) {
  return entry.fields->integer("search_rows", kSearchRows, 0, 1 << 24);
}

// A search rounds weights without calibration data.
void check_searched_weight(const QConfig& weight, const std::string& path, Entry entry) {
  const QuantizerInfo* info = find_quantizer(Side::kWeight, weight);
  if (!info->built || info->needs_data)
    entry.context.problems->add(
        path, entry.line,
        fmt::format("weight quantization {} {}", describe(weight),
                    info->built ? "needs calibration data; a search takes minmax or ssz"
                                : "is not built yet"));
}

bool is_flex(SmoothKind kind) {
  return kind == SmoothKind::kFlexSmoothQuant || kind == SmoothKind::kFlexAwqSsz;
}

// What flex_awq_ssz simulates; like a linear_quant entry that quantizes nothing.
void read_simulation(Entry entry, SmoothStep* step) {
  LinearQuantStep pair;
  if (!read_pair(entry, &pair.act, &pair.weight)) return;
  pair.type = exported_type(pair.act, pair.weight).value_or("");
  check_pair(pair, entry);
  if (find_quantizer(Side::kWeight, pair.weight)->built)
    check_searched_weight(pair.weight, entry.fields->path_of("qconfig") + ".weight", entry);
  step->act = pair.act;
  step->weight = pair.weight;
}

AwqStep read_awq(Entry entry) {
  AwqStep step;
  step.n_grid = static_cast<int>(entry.fields->integer("n_grid", step.n_grid, 1, 1000));
  step.search_rows = read_search_rows(entry);
  step.subgraph_types = read_subgraph_types(entry);
  step.filter = read_filter(entry, {}, true);
  const YamlValue* value = entry.fields->require("weight_qconfig");
  if (value == nullptr) return step;
  const std::string path = entry.fields->path_of("weight_qconfig");
  if (const auto weight = read_qconfig(*value, path, Side::kWeight, entry.context)) {
    check_searched_weight(*weight, path, entry);
    step.weight = *weight;
  }
  return step;
}

SmoothStep read_smooth(Entry entry, SmoothKind kind) {
  SmoothStep step;
  step.kind = kind;
  step.alpha = entry.fields->fraction("alpha");
  if (kind == SmoothKind::kSmoothQuant && !step.alpha) step.alpha = 0.5;
  if (kind == SmoothKind::kIterSmooth && !step.alpha) step.alpha = 0.9;
  if (is_flex(kind)) {
    step.beta = entry.fields->fraction("beta");
    step.search_rows = read_search_rows(entry);
  }
  if (kind == SmoothKind::kFlexAwqSsz) read_simulation(entry, &step);
  if (kind == SmoothKind::kIterSmooth)
    step.scale_min = entry.fields->fraction("scale_min").value_or(step.scale_min);
  if (!is_flex(kind)) step.symmetric = entry.fields->boolean("symmetric", step.symmetric);
  step.subgraph_types = {"norm-linear"};
  if (has_field(*entry.info, "enable_subgraph_type"))
    step.subgraph_types = read_subgraph_types(entry);
  if (has_field(*entry.info, "ignore_adapter"))
    step.ignore_adapter = entry.fields->boolean("ignore_adapter", false);
  step.filter = read_filter(entry, {}, true);
  return step;
}

SvdResidualStep read_svd_residual(Entry entry) {
  constexpr std::int64_t kLargestRank = 1 << 20;
  SvdResidualStep step;
  step.rank = entry.fields->integer("rank", step.rank, 1, kLargestRank);
  step.filter = read_filter(entry, {"*"}, false);
  return step;
}

FloatSparseStep read_float_sparse(Entry entry) {
  FloatSparseStep step;
  step.ratio = entry.fields->real("sparse_ratio", step.ratio, 0, 1);
  step.filter = read_filter(entry, {}, true);
  return step;
}

GroupStep read_group(Entry entry, bool* quantizes) {
  GroupStep step;
  entry.fields->require("configs");
  if (const YamlValue* configs = entry.fields->list("configs"))
    step.steps = read_steps(*configs, entry.fields->path_of("configs"), entry.context, quantizes);
  for (const Step& child : step.steps)
    if (std::holds_alternative<AutoroundStep>(child.value) ||
        std::holds_alternative<FlatQuantStep>(child.value))
      entry.context.problems->add(child.path, child.line,
                                  "learns from its own passes; put it behind the group");
  return step;
}

// A known type that cannot run yet: its field names are checked, its values are not.
void check_later(Entry entry) {
  for (std::string_view field : entry.info->fields) entry.fields->allow(field);
  for (std::string_view field : entry.info->required) entry.fields->require(field);
  entry.context.problems->add(entry.fields->path(), entry.line,
                              fmt::format("the processor {} is not built yet", entry.info->type));
}

std::vector<std::string> processor_types() {
  std::vector<std::string> types;
  for (const ProcessorInfo& info : known_processors()) types.emplace_back(info.type);
  return types;
}

const ProcessorInfo* read_type(const YamlValue& item, const std::string& path, Problems* problems) {
  const YamlValue* type = item.find("type");
  if (type == nullptr) {
    problems->add(path + ".type", item.line, "is required and missing");
    return nullptr;
  }
  const auto types = processor_types();
  const std::string name = type->is(Kind::kString) ? type->text : "";
  if (const ProcessorInfo* info = find_processor(name)) return info;
  if (find_named(known_savers(), name) != nullptr) {
    problems->add(path, item.line, "a saver belongs under spec.save, not into the process list");
  } else {
    problems->add(path + ".type", type->line,
                  fmt::format("the processor '{}' is unknown; known types: {}{}", name,
                              join_words(types), did_you_mean(name, types)));
  }
  return nullptr;
}

std::optional<Step> read_step(const YamlValue& item, const std::string& list_path,
                              ReadContext context, bool* quantizes) {
  const bool quantizes_before =
      std::exchange(*quantizes, true);  // an entry that cannot be read may
  if (!item.is(Kind::kMap)) {
    context.problems->add(list_path, item.line,
                          fmt::format("must be a mapping with a type, found {}; check the "
                                      "indentation of the lines that follow the dash",
                                      kind_name(item.kind)));
    return std::nullopt;
  }
  const ProcessorInfo* info = read_type(item, list_path, context.problems);
  if (info == nullptr) return std::nullopt;
  *quantizes = quantizes_before;
  Step step;
  step.path = fmt::format("{}.{}", list_path, info->type);
  step.line = item.line;
  Fields fields(item, step.path, context.problems);
  fields.allow("type");
  const Entry entry{&fields, info, context, item.line};
  bool leaves_quantized = info->quantizes;
  if (!info->built) {
    check_later(entry);
  } else if (info->type == "linear_quant") {
    LinearQuantStep linear = read_linear_quant(entry);
    leaves_quantized = !linear.filter.selects_nothing();
    step.value = std::move(linear);
  } else if (info->type == "group") {
    step.value = read_group(entry, quantizes);
  } else if (info->type == "quarot") {
    step.value = read_quarot(&fields);
    leaves_quantized = true;  // a rotated float model is a result of its own
  } else if (info->type == "adapt_rotation") {
    step.value = read_adapted_rotation(&fields);
    leaves_quantized = true;
  } else if (info->type == "svd_res") {
    step.value = read_svd_residual(entry);
  } else if (info->type == "float_sparse") {
    step.value = read_float_sparse(entry);
  } else if (info->type == "dynamic_cache") {
    step.value = read_dynamic_cache(fields, read_filter(entry, {}, true), item.line, context);
  } else if (info->type == "kv_smooth") {
    step.value = read_kv_smooth(fields, read_filter(entry, {"*"}, false));
  } else if (info->type == "fa3_quant") {
    step.value = read_fa3_quant(fields, read_filter(entry, {"*"}, false), item.line, context);
  } else if (info->type == "flatquant") {
    check_flatquant_constants(&fields);
    step.value = FlatQuantStep{read_filter(entry, {"*"}, false)};
  } else if (info->type == "autoround_quant") {
    step.value = read_autoround(&fields, context);
  } else if (info->type == "smooth_quant") {
    step.value = read_smooth(entry, SmoothKind::kSmoothQuant);
  } else if (info->type == "iter_smooth") {
    step.value = read_smooth(entry, SmoothKind::kIterSmooth);
  } else if (info->type == "awq") {
    step.value = read_awq(entry);
  } else if (info->type == "flex_awq_ssz") {
    step.value = read_smooth(entry, SmoothKind::kFlexAwqSsz);
  } else {
    step.value = read_smooth(entry, SmoothKind::kFlexSmoothQuant);
  }
  fields.finish();
  *quantizes = *quantizes || leaves_quantized;
  return step;
}

}  // namespace

std::vector<Step> read_steps(const YamlValue& list, const std::string& path, ReadContext context,
                             bool* quantizes) {
  std::vector<Step> steps;
  for (std::size_t i = 0; i < list.items.size(); ++i)
    if (auto step = read_step(list.items[i], fmt::format("{}.{}", path, i), context, quantizes))
      steps.push_back(std::move(*step));
  return steps;
}

}  // namespace msmodelslim
