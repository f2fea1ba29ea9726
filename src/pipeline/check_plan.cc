#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/compressed_config.h"
#include "pipeline/by_tensors.h"
#include "pipeline/check_cache.h"
#include "pipeline/check_experts.h"
#include "pipeline/check_flatquant.h"
#include "pipeline/planned_linears.h"
#include "pipeline/prior.h"
#include "pipeline/quantize_model.h"
#include "pipeline/quarot_plan.h"

namespace msmodelslim {
namespace {

// What the entries of a recipe select modules with.
struct Selections {
  std::vector<const LinearQuantStep*> linears;
  std::vector<const DynamicCacheStep*> caches;
  std::vector<const Fa3QuantStep*> attentions;
  std::vector<const SmoothStep*> smooths;
  std::vector<const NameFilter*> filters;
  std::vector<const QuaRotStep*> rotations;
  std::vector<const SvdResidualStep*> low_rank_branches;
  std::vector<const FloatSparseStep*> sparse;
  std::vector<const FlatQuantStep*> transforms;
  std::vector<const NameFilter*> attention_filters;

  void add(const LinearQuantStep& step) {
    linears.push_back(&step);
    filters.push_back(&step.filter);
  }
  void add(const SmoothStep& step) {
    smooths.push_back(&step);
    filters.push_back(&step.filter);
  }
  void add(const QuaRotStep& step) { rotations.push_back(&step); }
  void add(const SvdResidualStep& step) {
    low_rank_branches.push_back(&step);
    filters.push_back(&step.filter);
  }
  void add(const FloatSparseStep& step) {
    sparse.push_back(&step);
    filters.push_back(&step.filter);
  }
  void add(const DynamicCacheStep& step) {
    caches.push_back(&step);
    attention_filters.push_back(&step.filter);
  }
  void add(const Fa3QuantStep& step) {
    attentions.push_back(&step);
    attention_filters.push_back(&step.filter);
  }
  void add(const KvSmoothStep& step) { attention_filters.push_back(&step.filter); }
  void add(const AutoroundStep& step) {
    for (const LinearQuantStep& strategy : step.strategies) add(strategy);
  }
  void add(const FlatQuantStep& step) {
    transforms.push_back(&step);
    filters.push_back(&step.filter);
  }
  void add(const AwqStep& step) { filters.push_back(&step.filter); }
  void add(const GroupStep& step) { add(step.steps); }
  void add(const std::vector<Step>& steps) {
    for (const Step& step : steps) std::visit([&](const auto& value) { add(value); }, step.value);
  }
};

Selections selections_of(const Plan& plan) {
  Selections selections;
  selections.add(plan.steps);
  return selections;
}

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

void report(const QuantJob& job, const std::string& message, const std::string& remedy) {
  if (job.strict) throw UsageError(message, remedy);
  log_warning("quant", "{}; {}", message, remedy);
}

// Type of every linear inside the blocks.
std::map<std::string, std::string> planned_types(const QuantJob& job, const ModelSpec& model) {
  std::map<std::string, std::string> types;
  for (const PlannedLinear& linear : planned_linears(job, model))
    types[linear.spec->name] = linear.type;
  return types;
}

std::vector<std::string> mixed_groups(const QuantJob& job, const ModelSpec& model) {
  const auto types = planned_types(job, model);
  std::vector<std::string> mixed;
  for (const BlockSpec& block : model.blocks) {
    std::map<std::string, std::set<std::string>> groups;
    for (const LinearSpec* linear : block.linears())
      if (!linear->group.empty()) groups[linear->group].insert(types.at(linear->name));
    for (const auto& [group, kinds] : groups)
      if (kinds.size() > 1)
        mixed.push_back(fmt::format("{} ({})", group, joined({kinds.begin(), kinds.end()})));
  }
  return mixed;
}

void check_patterns(const QuantJob& job, const ModelSpec& model,
                    const std::vector<std::string>& names) {
  const Selections selections = selections_of(job.plan);
  const NameFilter exclude(job.exclude, {}, false);
  std::vector<std::string> attentions;
  for (const BlockSpec& block : model.blocks) attentions.push_back(block.attention_name());
  std::vector<std::string> unmatched;
  const auto collect = [&](const NameFilter& filter, const std::vector<std::string>& among) {
    for (const std::string& pattern : filter.unmatched_patterns(among))
      if (std::find(unmatched.begin(), unmatched.end(), pattern) == unmatched.end())
        unmatched.push_back(pattern);
  };
  for (const NameFilter* filter : selections.filters) collect(*filter, names);
  for (const NameFilter* filter : selections.attention_filters) collect(*filter, attentions);
  collect(exclude, names);
  if (!unmatched.empty())
    report(job,
           fmt::format("these include/exclude patterns match no module: {}", joined(unmatched)),
           "check their spelling if that is not meant");
}

bool quantizes_a_cache(const QuantJob& job, const ModelSpec& model) {
  const NameFilter exclude(job.exclude, {}, false);
  const Selections selections = selections_of(job.plan);
  std::vector<const NameFilter*> filters;
  for (const DynamicCacheStep* step : selections.caches) filters.push_back(&step->filter);
  for (const Fa3QuantStep* step : selections.attentions) filters.push_back(&step->filter);
  for (const NameFilter* filter : filters)
    for (const BlockSpec& block : model.blocks)
      if (filter->selects(block.attention_name()) && !exclude.selects(block.attention_name()))
        return true;
  return false;
}

bool saves_mindie(const Plan& plan) {
  return !plan.saves.empty() && plan.saves.front().type == "mindie_format_saver";
}

bool fits_mindie(LinearType type) {
  return type == LinearType::kW8A8 || type == LinearType::kW8A8Dynamic ||
         type == LinearType::kMxFp8 || type == LinearType::kMxFp4 || type == LinearType::kMxFp4Dual;
}

// What the chosen format cannot hold.
void check_format(const QuantJob& job) {
  const Selections selections = selections_of(job.plan);
  const bool compressed = saves_compressed_tensors(job.plan);
  for (const LinearQuantStep* step : selections.linears) {
    const auto type = linear_type_from_name(step->type);
    if (step->filter.selects_nothing() || !type) continue;
    const std::int64_t group_size = group_size_of(step->weight);
    if (saves_mindie(job.plan) && !fits_mindie(*type))
      throw UsageError(fmt::format("the MindIE format of modelslim_v1 cannot hold {}", step->type),
                       "it holds W8A8, W8A8_DYNAMIC, W8A8_MXFP8, W4A4_MXFP4 and "
                       "W4A4_MXFP4_DUALSCALE; use ascendv1_saver");
    if (!compressed && !job.plan.v0 && *type == LinearType::kW4A16)
      throw UsageError("the AscendV1 format cannot hold W4A16",
                       "add --save_format compressed_tensors, or save with '- type: "
                       "compressed_tensors' in the recipe");
    if (compressed && !compressed_scheme(*type, group_size))
      throw UsageError(
          fmt::format("the compressed_tensors format cannot hold {}{}", step->type,
                      group_size > 0 ? " with weights in groups" : ""),
          fmt::format("it holds {}; use --save_format ascendv1", compressed_types_text()));
  }
  const bool online = std::any_of(selections.rotations.begin(), selections.rotations.end(),
                                  [](const QuaRotStep* step) { return step->online; });
  const char* misfit = online                                  ? "online rotations"
                       : !selections.caches.empty()            ? "an int8 KV cache"
                       : !selections.attentions.empty()        ? "quantized attention"
                       : !selections.low_rank_branches.empty() ? "low-rank branches"
                       : !selections.sparse.empty()            ? "W16A16S"
                       : !selections.transforms.empty()        ? "FlatQuant transforms"
                                                               : nullptr;
  if (compressed && misfit != nullptr)
    throw UsageError(fmt::format("the compressed_tensors format cannot hold {}", misfit),
                     "use --save_format ascendv1, or drop that entry of the recipe");
  for (const SmoothStep* step : selections.smooths)
    if (compressed && !step->symmetric)
      throw UsageError(
          "asymmetric smoothing gives norms a bias, which the compressed_tensors format cannot "
          "hold",
          "set symmetric: true, or use --save_format ascendv1");
}

// What the columns of a weight come in: groups, blocks of fouroversix, pairs of fp4 values; 0: any.
std::int64_t column_unit(const QConfig& weight) {
  if (weight.method == "fouroversix") return 32;
  return weight.dtype == "mxfp4" ? 2 : group_size_of(weight);
}

void check_group_sizes(const QuantJob& job, const ModelSpec& model) {
  const auto steps = selections_of(job.plan).linears;
  const NameFilter exclude(job.exclude, {}, false);
  std::map<std::int64_t, std::vector<std::string>> misfits;
  for (const LinearSpec* linear : model.linears()) {
    if (exclude.selects(linear->name)) continue;
    const auto step = std::find_if(steps.begin(), steps.end(), [&](const LinearQuantStep* s) {
      return s->filter.selects(linear->name);
    });
    const std::int64_t size = step == steps.end() ? 0 : column_unit((*step)->weight);
    if (size > 0 && linear->in % size != 0)
      misfits[size].push_back(fmt::format("{} ({})", linear->name, linear->in));
  }
  for (const auto& [size, linears] : misfits)
    throw UsageError(
        fmt::format("groups of {} columns do not divide the inputs of {}", size, joined(linears)),
        "choose another group_size or method, or exclude them");
}

void check_disable_names(const QuantJob& job, const std::vector<std::string>& names) {
  if (!job.plan.v0) return;
  std::vector<std::string> unknown;
  for (const std::string& name : job.plan.v0->disable_names)
    if (std::find(names.begin(), names.end(), name) == names.end()) unknown.push_back(name);
  if (!unknown.empty())
    report(job,
           fmt::format("the recipe's disable_names that this model does not have: {}",
                       joined(unknown)),
           "the recipe was made for another size of the model");
}

// A rotation turns the embedding before the first block is seen, so every block has to be turned
// before anything else looks at it.
void check_rotations(const QuantJob& job, const ModelSpec& model) {
  const auto& steps = job.plan.steps;
  const auto is_rotation = [](const Step& step) {
    return std::holds_alternative<QuaRotStep>(step.value);
  };
  const auto first_other = std::find_if_not(steps.begin(), steps.end(), is_rotation);
  const auto rotations = selections_of(job.plan).rotations;
  if (static_cast<std::ptrdiff_t>(rotations.size()) != first_other - steps.begin())
    throw UsageError("a quarot entry stands behind another entry of the recipe",
                     "rotations come first, outside of groups");
  for (const QuaRotStep* step : rotations) QuaRot(quarot_config(*step, job.pedigree), model);
  for (const PriorStage& stage : job.plan.priors)
    for (const AdaptRotationStep& step : stage.steps) {
      fitted_linears(step, model);
      Rotation::hadamard(model.hidden, step.block_size);
    }
}

}  // namespace

bool has_mixed_groups(const QuantJob& job, const ModelSpec& model) {
  return !mixed_groups(job, model).empty() || !mixed_experts(job, model).empty();
}

void check_plan(const QuantJob& job, const ModelSpec& model) {
  check_data_free(job, model);
  const std::vector<std::string> names = module_names(model);
  check_patterns(job, model, names);
  check_disable_names(job, names);
  check_format(job);
  check_group_sizes(job, model);
  if (model.has_forward()) {
    check_cache_order(job, model);
    check_rotations(job, model);
    check_learned(job, model);
    check_flatquant(job, model);
  }
  for (const auto& [message, remedy] : expert_warnings(job, model)) report(job, message, remedy);
  const auto types = planned_types(job, model);
  if (selections_of(job.plan).rotations.empty() && !quantizes_a_cache(job, model) &&
      std::all_of(types.begin(), types.end(), [](const auto& t) { return t.second == "FLOAT"; }))
    throw UsageError("the recipe quantizes no linear of this model",
                     "check include, exclude and --exclude; `*` matches every linear");
  for (const auto& [message, remedy] : linear_warnings(job, model)) report(job, message, remedy);
  const std::vector<std::string> mixed = mixed_groups(job, model);
  if (!mixed.empty())
    report(job,
           fmt::format("{} fused groups get more than one type, which vLLM-Ascend refuses to load; "
                       "the first is {}",
                       mixed.size(), mixed.front()),
           "include or exclude all linears of a group together");
}

}  // namespace msmodelslim
