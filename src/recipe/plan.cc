#include "recipe/plan.h"

#include <algorithm>

#include "recipe/capabilities.h"

namespace msmodelslim {
namespace {

bool reads_data(const QuantizerInfo* info) { return info != nullptr && info->needs_data; }

bool any_needs_data(const std::vector<Step>& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const Step& step) { return needs_data(step); });
}

}  // namespace

Aggregation aggregation_of(const QConfig& config) {
  const std::string type = config.ext.value("aggregation_type", "max");
  return type == "mean"   ? Aggregation::kMean
         : type == "last" ? Aggregation::kLast
                          : Aggregation::kMax;
}

std::int64_t group_size_of(const QConfig& weight) {
  if (weight.scope != "per_group") return 0;
  return weight.ext.value("group_size", std::int64_t{128});
}

double learning_rate(const AutoroundStep& step, const LinearQuantStep& strategy) {
  if (step.lr) return *step.lr;
  const bool published = strategy.act.is_float() && strategy.weight.dtype == "int4";
  return 1.0 / step.iters * (published ? 1 : 5);
}

bool saves_compressed_tensors(const Plan& plan) {
  return !plan.saves.empty() && plan.saves.front().type == "compressed_tensors";
}

bool Fa3QuantStep::measures() const {
  const auto is_static = [](const std::optional<QConfig>& config) {
    return config && config->scope == "per_head";
  };
  return is_static(q) || is_static(k) || is_static(v);
}

bool GroupStep::operator==(const GroupStep& other) const { return steps == other.steps; }

bool needs_data(const Step& step) {
  if (const auto* linear = std::get_if<LinearQuantStep>(&step.value))
    return reads_data(find_quantizer(Side::kAct, linear->act)) ||
           reads_data(find_quantizer(Side::kWeight, linear->weight)) ||
           linear->act.method == "histogram" || linear->weight.method == "gptq";
  if (const auto* attention = std::get_if<Fa3QuantStep>(&step.value)) return attention->measures();
  if (std::holds_alternative<QuaRotStep>(step.value)) return false;
  if (const auto* group = std::get_if<GroupStep>(&step.value)) return any_needs_data(group->steps);
  return !std::holds_alternative<SvdResidualStep>(step.value);
}

bool needs_data(const Plan& plan) { return any_needs_data(plan.steps); }

}  // namespace msmodelslim
