#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/engines.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {
namespace {

// What an entry that quantizes, or that adds a low-rank branch for a later one, does to a linear.
struct Treatment {
  const NameFilter* filter;
  std::string type;                     // "" for a branch
  const LinearQuantStep* linear_quant;  // or null
  const SvdResidualStep* svd;           // or null
};

// What the entries of a recipe select modules with.
struct Selections {
  std::vector<Treatment> treatments;  // in recipe order
  std::vector<const LinearQuantStep*> linears;
  std::vector<const NameFilter*> filters;

  void add(const LinearQuantStep& step) {
    treatments.push_back({&step.filter, step.type, &step, nullptr});
    linears.push_back(&step);
    filters.push_back(&step.filter);
  }
  void add(const FloatSparseStep& step) {
    treatments.push_back({&step.filter, "W16A16S", nullptr, nullptr});
    filters.push_back(&step.filter);
  }
  void add(const SvdResidualStep& step) {
    treatments.push_back({&step.filter, "", nullptr, &step});
    filters.push_back(&step.filter);
  }
  void add(const SmoothStep& step) { filters.push_back(&step.filter); }
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

// What becomes of a linear.
struct Planned {
  const LinearSpec* spec = nullptr;
  std::string type = "FLOAT";
  bool grouped = false;                  // a weight scale per group of columns
  const SvdResidualStep* svd = nullptr;  // the branch that svd_res wants
};

Planned planned(const LinearSpec& spec, const std::vector<Treatment>& treatments) {
  Planned result{&spec};
  for (const Treatment& treatment : treatments) {
    if (!treatment.filter->selects(spec.name)) continue;
    if (treatment.svd != nullptr) {
      result.svd = treatment.svd;
      continue;
    }
    result.type = treatment.type;
    if (treatment.linear_quant == nullptr) break;
    if (result.svd != nullptr) result.type = with_svd(result.type);
    result.grouped = group_size_of(treatment.linear_quant->weight) > 0;
    break;
  }
  return result;
}

// Every linear inside the blocks.
std::vector<Planned> planned_linears(const QuantJob& job, const ModelSpec& model) {
  const auto treatments = selections_of(job.plan).treatments;
  const NameFilter exclude(job.exclude, {}, false);
  std::vector<Planned> linears;
  for (const BlockSpec& block : model.blocks)
    for (const LinearSpec* linear : block.linears())
      linears.push_back(exclude.selects(linear->name) ? Planned{linear}
                                                      : planned(*linear, treatments));
  return linears;
}

std::map<std::string, std::string> planned_types(const QuantJob& job, const ModelSpec& model) {
  std::map<std::string, std::string> types;
  for (const Planned& linear : planned_linears(job, model)) types[linear.spec->name] = linear.type;
  return types;
}

void check_branches(const QuantJob& job, const std::vector<Planned>& linears) {
  std::vector<std::string> too_small;
  std::vector<std::string> unused;
  for (const auto& [spec, type, grouped, svd] : linears) {
    if (svd == nullptr) continue;
    if (type.find("_SVD") == std::string::npos)
      unused.push_back(spec->name);
    else if (svd->rank > std::min(spec->in, spec->out))
      too_small.push_back(fmt::format("{} [{}, {}]", spec->name, spec->out, spec->in));
  }
  if (!too_small.empty())
    throw UsageError(
        fmt::format("svd_res: the rank is greater than a side of {} linears, the first is {}",
                    too_small.size(), too_small.front()),
        "choose a smaller rank, or exclude them");
  if (!unused.empty())
    report(job,
           fmt::format("svd_res selects {} linears that no later linear_quant quantizes, the first "
                       "is {}; they stay as they are",
                       unused.size(), unused.front()),
           "put svd_res before linear_quant and let both include the same linears");
}

void check_engines(const QuantJob& job, const std::vector<Planned>& linears) {
  std::set<std::pair<std::string, bool>> kinds;
  for (const Planned& linear : linears) kinds.emplace(linear.type, linear.grouped);
  for (const auto& [type, grouped] : kinds)
    if (const std::string reason = why_not_loadable(type, grouped); !reason.empty())
      report(job, reason, "choose another type if the result is meant for one of them");
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

void check_patterns(const QuantJob& job, const std::vector<std::string>& names) {
  std::vector<const NameFilter*> filters = selections_of(job.plan).filters;
  const NameFilter exclude(job.exclude, {}, false);
  filters.push_back(&exclude);
  std::vector<std::string> unmatched;
  for (const NameFilter* filter : filters)
    for (const std::string& pattern : filter->unmatched_patterns(names))
      if (std::find(unmatched.begin(), unmatched.end(), pattern) == unmatched.end())
        unmatched.push_back(pattern);
  if (!unmatched.empty())
    report(job,
           fmt::format("these include/exclude patterns match no module: {}", joined(unmatched)),
           "check their spelling if that is not meant");
}

void check_group_sizes(const QuantJob& job, const ModelSpec& model) {
  const NameFilter exclude(job.exclude, {}, false);
  for (const LinearQuantStep* step : selections_of(job.plan).linears) {
    // What the columns come in: groups, blocks of fouroversix, pairs of fp4 values.
    const bool fp4 = step->weight.dtype == "mxfp4";
    const std::int64_t size = step->weight.method == "fouroversix" ? 32
                              : fp4                                ? 2
                                                                   : group_size_of(step->weight);
    std::vector<std::string> misfits;
    for (const BlockSpec& block : model.blocks)
      for (const LinearSpec* linear : block.linears())
        if (size > 0 && linear->in % size != 0 && step->filter.selects(linear->name) &&
            !exclude.selects(linear->name))
          misfits.push_back(fmt::format("{} ({})", linear->name, linear->in));
    if (!misfits.empty())
      throw UsageError(
          fmt::format("groups of {} columns do not divide the inputs of {}", size, joined(misfits)),
          "choose another group_size or method, or exclude them");
  }
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

}  // namespace

bool has_mixed_groups(const QuantJob& job, const ModelSpec& model) {
  return !mixed_groups(job, model).empty();
}

void check_plan(const QuantJob& job, const ModelSpec& model) {
  const std::vector<std::string> names = module_names(model);
  check_patterns(job, names);
  check_disable_names(job, names);
  check_group_sizes(job, model);
  const std::vector<Planned> linears = planned_linears(job, model);
  if (std::all_of(linears.begin(), linears.end(),
                  [](const Planned& linear) { return linear.type == "FLOAT"; }))
    throw UsageError("the recipe quantizes no linear of this model",
                     "check include, exclude and --exclude; `*` matches every linear");
  check_branches(job, linears);
  check_engines(job, linears);
  const std::vector<std::string> mixed = mixed_groups(job, model);
  if (!mixed.empty())
    report(job,
           fmt::format("{} fused groups get more than one type, which vLLM-Ascend refuses to load; "
                       "the first is {}",
                       mixed.size(), mixed.front()),
           "include or exclude all linears of a group together");
}

}  // namespace msmodelslim
