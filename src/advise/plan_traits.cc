#include "advise/plan_traits.h"

#include <algorithm>

namespace msmodelslim {
namespace {

void look(const LinearQuantStep& linear, PlanTraits* traits) {
  const bool int4 = linear.weight.dtype == "int4";
  traits->int4 |= int4;
  traits->int4_nearest |= int4 && linear.weight.method == "minmax";
  traits->int4_ssz |= int4 && linear.weight.method == "ssz";
  traits->weight_only |= linear.act.is_float();
  traits->sparse |= linear.type == "W8A8S";
  if (linear.type != "W8A8" && linear.type != "W8A8S") return;
  traits->static_range = true;
  traits->static_symmetric |= linear.act.symmetric;
  traits->static_minmax |= linear.act.method != "histogram";
}

void look(const std::vector<Step>& steps, PlanTraits* traits) {
  for (const Step& step : steps) {
    if (const auto* linear = std::get_if<LinearQuantStep>(&step.value)) {
      look(*linear, traits);
    } else if (const auto* group = std::get_if<GroupStep>(&step.value)) {
      look(group->steps, traits);
    } else if (const auto* learned = std::get_if<AutoroundStep>(&step.value)) {
      for (const LinearQuantStep& strategy : learned->strategies) look(strategy, traits);
    } else if (const auto* smooth = std::get_if<SmoothStep>(&step.value)) {
      traits->smooths = true;
      if (smooth->alpha)
        traits->smooth_alpha = std::min(traits->smooth_alpha.value_or(1), *smooth->alpha);
    } else {
      const bool flat = std::holds_alternative<FlatQuantStep>(step.value);
      const bool rotation = std::holds_alternative<QuaRotStep>(step.value);
      traits->rotates |= rotation;
      traits->learns_transform |= flat;
      traits->smooths |= rotation || flat || std::holds_alternative<AwqStep>(step.value);
      traits->sparse |= std::holds_alternative<FloatSparseStep>(step.value);
      traits->int8_cache |= std::holds_alternative<DynamicCacheStep>(step.value);
    }
  }
}

}  // namespace

PlanTraits traits_of(const Plan& plan) {
  PlanTraits traits;
  look(plan.steps, &traits);
  return traits;
}

}  // namespace msmodelslim
