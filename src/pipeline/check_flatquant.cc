#include "pipeline/check_flatquant.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/error.h"
#include "pipeline/planned_linears.h"
#include "quantize/flat_pair.h"

namespace msmodelslim {
namespace {

// The transforms rewrite weights, their own and those of v_proj and up_proj: none of them may be
// quantized yet.
void check_order(const QuantJob& job, const ModelSpec& model, std::size_t index) {
  const auto& step = std::get<FlatQuantStep>(job.plan.steps[index].value);
  QuantJob before;
  before.exclude = job.exclude;
  before.plan.steps.assign(job.plan.steps.begin(),
                           job.plan.steps.begin() + static_cast<std::ptrdiff_t>(index));
  std::set<std::string> taken;
  for (const PlannedLinear& linear : planned_linears(before, model))
    if (linear.type != "FLOAT" || linear.flat) taken.insert(linear.spec->name);
  const NameFilter exclude(job.exclude, {}, false);
  for (const BlockSpec& block : model.blocks)
    for (const FlatPair& pair : flat_pairs(model, block, [&](const std::string& name) {
           return step.filter.selects(name) && !exclude.selects(name);
         })) {
      std::vector<const LinearSpec*> touched = pair.targets;
      if (pair.kind == FlatKind::kAttentionOut) touched.push_back(&block.v);
      if (pair.kind == FlatKind::kDown) touched.push_back(&block.up);
      for (const LinearSpec* linear : touched)
        if (taken.count(linear->name) > 0)
          throw UsageError(fmt::format("flatquant rewrites {}, which an earlier entry of the "
                                       "recipe quantizes or transforms",
                                       linear->name),
                           "put flatquant first, once for each linear");
    }
}

}  // namespace

void check_flatquant(const QuantJob& job, const ModelSpec& model) {
  const std::vector<Step>& steps = job.plan.steps;
  const auto has = [&](auto&& wanted) { return std::any_of(steps.begin(), steps.end(), wanted); };
  if (!has([](const Step& s) { return std::holds_alternative<FlatQuantStep>(s.value); })) return;
  if (has([](const Step& s) {
        const auto* rotation = std::get_if<QuaRotStep>(&s.value);
        return rotation != nullptr && rotation->online;
      }))
    throw UsageError("flatquant and online rotations both transform the inputs of o_proj",
                     "set online: false, or drop one of the two entries");
  if (has([](const Step& s) { return std::holds_alternative<SvdResidualStep>(s.value); }))
    throw UsageError("no format holds a low-rank branch beside a FlatQuant transform",
                     "drop svd_res or flatquant");
  for (std::size_t i = 0; i < steps.size(); ++i)
    if (std::holds_alternative<FlatQuantStep>(steps[i].value)) check_order(job, model, i);
}

}  // namespace msmodelslim
