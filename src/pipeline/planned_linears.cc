#include "pipeline/planned_linears.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "checkpoint/ascendv1.h"
#include "checkpoint/engines.h"
#include "quantize/flat_pair.h"

namespace msmodelslim {
namespace {

using Warnings = std::vector<std::pair<std::string, std::string>>;

// Follows one linear through the entries of a recipe.
class Follower {
 public:
  // `block` null: a linear by itself.
  Follower(const ModelSpec& model, const BlockSpec* block, const LinearSpec& spec,
           const NameFilter& exclude)
      : model_(model), block_(block), exclude_(exclude) {
    result_.spec = &spec;
  }

  void see(const std::vector<Step>& steps) {
    for (const Step& step : steps) std::visit([&](const auto& value) { see(value); }, step.value);
  }
  PlannedLinear result() const {
    PlannedLinear result = result_;
    if (result.flat) result.type = with_flatquant(result.type);
    return result;
  }

 private:
  template <typename OtherStep>
  void see(const OtherStep&) {}  // quantizes no linear
  void see(const GroupStep& step) { see(step.steps); }
  void see(const LinearQuantStep& step) {
    if (!takes(step.filter)) return;
    result_.type = result_.svd == nullptr ? step.type : with_svd(step.type);
    result_.group_size = group_size_of(step.weight);
  }
  void see(const AutoroundStep& step) {
    for (const LinearQuantStep& strategy : step.strategies) {
      if (!takes(strategy.filter)) continue;
      see(strategy);
      return;
    }
  }
  void see(const FloatSparseStep& step) {
    if (takes(step.filter)) result_.type = linear_type_name(LinearType::kW16A16S);
  }
  void see(const SvdResidualStep& step) {
    if (step.filter.selects(result_.spec->name)) result_.svd = &step;
  }

  void see(const FlatQuantStep& step) {
    const auto selects = [&](const std::string& name) {
      return step.filter.selects(name) && !exclude_.selects(name);
    };
    if (block_ == nullptr) return;
    for (const FlatPair& pair : flat_pairs(model_, *block_, selects))
      for (const LinearSpec* target : pair.targets)
        result_.flat = result_.flat || target->name == result_.spec->name;
  }

  bool takes(const NameFilter& filter) const {
    return result_.type == "FLOAT" && filter.selects(result_.spec->name);
  }

  const ModelSpec& model_;
  const BlockSpec* block_;
  const NameFilter& exclude_;
  PlannedLinear result_;
};

void check_branches(const std::vector<PlannedLinear>& linears, Warnings& warnings) {
  std::vector<std::string> too_small;
  std::vector<std::string> unused;
  for (const PlannedLinear& linear : linears) {
    if (linear.svd == nullptr) continue;
    const LinearSpec& spec = *linear.spec;
    if (without_svd(linear.type) == linear.type)
      unused.push_back(spec.name);
    else if (linear.svd->rank > std::min(spec.in, spec.out))
      too_small.push_back(
          fmt::format("{} [{}, {}] (rank {})", spec.name, spec.out, spec.in, linear.svd->rank));
  }
  if (!too_small.empty())
    throw UsageError(
        fmt::format("svd_res: the rank is greater than a side of {} linears, the first is {}",
                    too_small.size(), too_small.front()),
        "choose a smaller rank, or exclude them");
  if (!unused.empty())
    warnings.emplace_back(
        fmt::format("svd_res selects {} linears that no later linear_quant quantizes, the first is "
                    "{}; they get no low-rank branch",
                    unused.size(), unused.front()),
        "put svd_res before linear_quant and let both include the same linears");
}

// Engines build both matrices of a transform from the width of the input alone.
void check_attention_outputs(const std::vector<PlannedLinear>& linears, Warnings& warnings) {
  const auto bad = std::find_if(linears.begin(), linears.end(), [](const PlannedLinear& linear) {
    return linear.flat && linear.spec->role == Role::kAttentionOut &&
           why_not_loadable(linear.type, linear.group_size > 0).empty();
  });
  if (bad == linears.end()) return;
  warnings.emplace_back(
      fmt::format(
          "{} gets a transform of the heads alone, which vLLM-Ascend cannot load for {}: it "
          "wants left_trans and right_trans of the sizes of the whole input",
          bad->spec->name, bad->type),
      "exclude '*o_proj' from flatquant if the result is meant for such an engine");
}

// Only the AscendV1 formats are read by the engines of the table.
bool saves_ascendv1(const Plan& plan) {
  return plan.v0 || std::any_of(plan.saves.begin(), plan.saves.end(), [](const SaveStep& step) {
           return step.type.starts_with("ascendv1");
         });
}

}  // namespace

std::vector<PlannedLinear> planned_linears(const QuantJob& job, const ModelSpec& model) {
  const NameFilter exclude(job.exclude, {}, false);
  std::vector<PlannedLinear> linears;
  const auto follow = [&](const BlockSpec* block, const LinearSpec& linear) {
    Follower follower(model, block, linear, exclude);
    if (!exclude.selects(linear.name)) follower.see(job.plan.steps);
    linears.push_back(follower.result());
  };
  for (const BlockSpec& block : model.blocks)
    for (const LinearSpec* linear : block.linears()) follow(&block, *linear);
  for (const LinearSpec& linear : model.loose) follow(nullptr, linear);
  return linears;
}

std::vector<std::pair<std::string, std::string>> linear_warnings(const QuantJob& job,
                                                                 const ModelSpec& model) {
  const std::vector<PlannedLinear> linears = planned_linears(job, model);
  Warnings warnings;
  check_branches(linears, warnings);
  if (!saves_ascendv1(job.plan)) return warnings;
  check_attention_outputs(linears, warnings);
  std::set<std::pair<std::string, bool>> kinds;
  for (const PlannedLinear& linear : linears) {
    // Engines have int4 weights with int8 activations for experts.
    const bool expert = linear.spec->name.find(".experts.") != std::string::npos;
    if (expert && linear.group_size == 0 &&
        linear.type == linear_type_name(LinearType::kW4A8Dynamic))
      continue;
    kinds.emplace(linear.type, linear.group_size > 0);
  }
  for (const auto& [type, grouped] : kinds)
    if (std::string reason = why_not_loadable(type, grouped); !reason.empty())
      warnings.emplace_back(std::move(reason),
                            "choose another type if the result is meant for such an engine");
  return warnings;
}

}  // namespace msmodelslim
