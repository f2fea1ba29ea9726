#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {
namespace {

void collect_filters(const std::vector<Step>& steps, std::vector<const LinearQuantStep*>& linears,
                     std::vector<const NameFilter*>& filters) {
  for (const Step& step : steps) {
    if (const auto* linear = std::get_if<LinearQuantStep>(&step.value)) {
      linears.push_back(linear);
      filters.push_back(&linear->filter);
    } else if (const auto* smooth = std::get_if<SmoothStep>(&step.value)) {
      filters.push_back(&smooth->filter);
    } else {
      collect_filters(std::get<GroupStep>(step.value).steps, linears, filters);
    }
  }
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

}  // namespace

bool check_plan(const QuantJob& job, const ModelSpec& model) {
  std::vector<const LinearQuantStep*> linears;
  std::vector<const NameFilter*> filters;
  collect_filters(job.plan.steps, linears, filters);
  const std::vector<std::string> names = module_names(model);

  std::vector<std::string> unmatched;
  for (const NameFilter* filter : filters)
    for (const std::string& pattern : filter->unmatched_patterns(names))
      if (std::find(unmatched.begin(), unmatched.end(), pattern) == unmatched.end())
        unmatched.push_back(pattern);
  const NameFilter exclude(job.exclude, {}, false);
  for (const std::string& pattern : exclude.unmatched_patterns(names))
    unmatched.push_back(pattern);
  if (!unmatched.empty())
    report(job, fmt::format("these include/exclude patterns match no module: {}", joined(unmatched)),
           "check their spelling if that is not meant");

  if (job.plan.v0) {
    std::vector<std::string> unknown;
    for (const std::string& name : job.plan.v0->disable_names)
      if (std::find(names.begin(), names.end(), name) == names.end()) unknown.push_back(name);
    if (!unknown.empty())
      report(job,
             fmt::format("disable_names of the recipe that this model does not have: {}",
                         joined(unknown)),
             "the recipe was made for another size of the model");
  }

  std::map<std::string, std::string> types;
  std::size_t quantized = 0;
  for (const BlockSpec& block : model.blocks)
    for (const LinearSpec* linear : block.linears()) {
      types[linear->name] = "FLOAT";
      if (exclude.selects(linear->name)) continue;
      for (const LinearQuantStep* step : linears)
        if (step->filter.selects(linear->name)) {
          types[linear->name] = step->type;
          ++quantized;
          break;
        }
    }
  if (quantized == 0)
    throw UsageError("the recipe quantizes no linear of this model",
                     "check include, exclude and --exclude; `*` matches every linear");

  std::vector<std::string> mixed;
  for (const BlockSpec& block : model.blocks) {
    std::map<std::string, std::set<std::string>> groups;
    for (const LinearSpec* linear : block.linears())
      if (!linear->group.empty()) groups[linear->group].insert(types[linear->name]);
    for (const auto& [group, kinds] : groups)
      if (kinds.size() > 1)
        mixed.push_back(
            fmt::format("{} ({})", group, joined({kinds.begin(), kinds.end()})));
  }
  if (!mixed.empty())
    report(job,
           fmt::format("{} fused groups get more than one type, which vLLM-Ascend refuses to load: {}",
                       mixed.size(), mixed.front()),
           "include or exclude all linears of the group together");
  return !mixed.empty();
}

}  // namespace msmodelslim
