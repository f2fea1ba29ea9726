#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {
namespace {

// What the entries of a recipe select modules with.
struct Selections {
  std::vector<const LinearQuantStep*> linears;
  std::vector<const NameFilter*> filters;

  void add(const LinearQuantStep& step) {
    linears.push_back(&step);
    filters.push_back(&step.filter);
  }
  void add(const SmoothStep& step) { filters.push_back(&step.filter); }
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
  const auto steps = selections_of(job.plan).linears;
  const NameFilter exclude(job.exclude, {}, false);
  std::map<std::string, std::string> types;
  for (const BlockSpec& block : model.blocks)
    for (const LinearSpec* linear : block.linears()) {
      std::string& type = types[linear->name];
      type = "FLOAT";
      if (exclude.selects(linear->name)) continue;
      for (const LinearQuantStep* step : steps)
        if (step->filter.selects(linear->name)) {
          type = step->type;
          break;
        }
    }
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
  const auto types = planned_types(job, model);
  if (std::all_of(types.begin(), types.end(), [](const auto& t) { return t.second == "FLOAT"; }))
    throw UsageError("the recipe quantizes no linear of this model",
                     "check include, exclude and --exclude; `*` matches every linear");
  const std::vector<std::string> mixed = mixed_groups(job, model);
  if (!mixed.empty())
    report(job,
           fmt::format("{} fused groups get more than one type, which vLLM-Ascend refuses to load; "
                       "the first is {}",
                       mixed.size(), mixed.front()),
           "include or exclude all linears of a group together");
}

}  // namespace msmodelslim
