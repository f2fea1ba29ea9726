#include "pipeline/check_experts.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "pipeline/planned_linears.h"
#include "recipe/join_words.h"

namespace msmodelslim {

std::vector<std::string> mixed_experts(const QuantJob& job, const ModelSpec& model) {
  std::map<std::string, std::string> types;
  for (const PlannedLinear& linear : planned_linears(job, model))
    types[linear.spec->name] = linear.type;
  std::vector<std::string> mixed;
  for (const BlockSpec& block : model.blocks) {
    if (!block.moe) continue;
    std::set<std::string> kinds;
    for (const MlpSpec& expert : block.moe->experts)
      for (const LinearSpec* linear : expert.linears()) kinds.insert(types.at(linear->name));
    if (kinds.size() > 1)
      mixed.push_back(fmt::format("{}.experts ({})", block.moe->name, join_words(kinds)));
  }
  return mixed;
}

std::vector<std::pair<std::string, std::string>> expert_warnings(const QuantJob& job,
                                                                 const ModelSpec& model) {
  std::vector<std::pair<std::string, std::string>> warnings;
  std::vector<std::string> fixed;  // static activations
  std::vector<std::string> routers;
  for (const PlannedLinear& linear : planned_linears(job, model)) {
    const bool is_static = linear.type == "W8A8" || linear.type == "W8A8_MIX";
    if (is_static && linear.spec->name.find(".experts.") != std::string::npos)
      fixed.push_back(linear.spec->name);
    if (linear.spec->role == Role::kRouter && linear.type != "FLOAT")
      routers.push_back(linear.spec->name);
  }
  if (!fixed.empty())
    warnings.emplace_back(
        fmt::format("{} linears of experts get static activations, which no engine has for "
                    "experts; the first is {}",
                    fixed.size(), fixed.front()),
        "use act scope per_token for '*experts*' if the result is meant for an engine");
  if (!routers.empty())
    warnings.emplace_back(
        fmt::format("{} routers are quantized, which decides where tokens go; the first is {}",
                    routers.size(), routers.front()),
        "exclude '*.gate'");
  const std::vector<std::string> mixed = mixed_experts(job, model);
  if (!mixed.empty())
    warnings.emplace_back(
        fmt::format("the experts of {} layers get more than one type, engines load them as that of "
                    "the first; the first layer is {}",
                    mixed.size(), mixed.front()),
        "include or exclude all experts of a layer together");
  return warnings;
}

void check_learned(const QuantJob& job, const ModelSpec& model) {
  const NameFilter exclude(job.exclude, {}, false);
  const auto refuse = [&](const char* method, const NameFilter& filter) {
    for (const BlockSpec& block : model.blocks)
      for (const LinearSpec* linear : block.linears())
        if (!(block.is_plain() && model.has_plain_math()) && filter.selects(linear->name) &&
            !exclude.selects(linear->name))
          throw UsageError(fmt::format("{} selects {}, but learns layers like Llama's and Qwen3's "
                                       "only, not those with experts, latent or linear attention, "
                                       "fused linears or norms in other places",
                                       method, linear->name),
                           "use linear_quant for such layers, and exclude them here");
  };
  for (const Step& step : job.plan.steps) {
    if (const auto* autoround = std::get_if<AutoroundStep>(&step.value))
      for (const LinearQuantStep& strategy : autoround->strategies)
        refuse("autoround_quant", strategy.filter);
    if (const auto* flat = std::get_if<FlatQuantStep>(&step.value))
      refuse("flatquant", flat->filter);
  }
}

}  // namespace msmodelslim
