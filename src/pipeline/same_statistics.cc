#include "pipeline/same_statistics.h"

#include <fmt/format.h>

#include <algorithm>

namespace msmodelslim {
namespace {

bool is_learned(const Step& step) {
  if (const auto* group = std::get_if<GroupStep>(&step.value))
    return std::any_of(group->steps.begin(), group->steps.end(), is_learned);
  return std::holds_alternative<AutoroundStep>(step.value) ||
         std::holds_alternative<FlatQuantStep>(step.value);
}

// Without what is only looked at behind the pass.
void forget_results(SmoothStep& step) {
  if (step.kind == SmoothKind::kIterSmooth || step.kind == SmoothKind::kSmoothQuant) {
    const SmoothStep any;
    step.alpha = any.alpha;
    step.scale_min = any.scale_min;
    step.symmetric = any.symmetric;
  }
  if (step.kind == SmoothKind::kFlexAwqSsz) step.act = step.weight = QConfig();
}

void forget_results(AwqStep& step) {
  step.weight = QConfig();
  step.n_grid = 0;
}

void forget_results(KvSmoothStep& step) { step.factor = 0; }

// The pass of gptq multiplies with float weights, and takes int8 activations token by token.
void forget_results(LinearQuantStep& step) {
  if (step.weight.method != "gptq" || step.weight.ext.value("quantized_inputs", false)) return;
  if (!step.act.is_float() && step.act.dtype != "int8") return;
  step.weight = QConfig();
  step.weight.method = "gptq";
  step.type.clear();
}

template <typename OtherStep>
void forget_results(OtherStep&) {}

// Entries up to the last one that reads data, and rotations behind it.
struct Gathering {
  std::vector<Step> steps;
  std::size_t last = 0;  // that one
};

Gathering gathering_of(const Plan& plan) {
  Gathering result;
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    if (needs_data(plan.steps[i])) result.last = i;
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    if (i <= result.last || std::holds_alternative<QuaRotStep>(plan.steps[i].value))
      result.steps.push_back(plan.steps[i]);
  return result;
}

bool equal_passes(Step a, Step b) {
  for (Step* step : {&a, &b}) std::visit([](auto& value) { forget_results(value); }, step->value);
  return a == b;
}

// "spec.process.1.linear_quant" -> "entry 2 (linear_quant)"
std::string name_of(const std::vector<Step>& steps, std::size_t index) {
  const std::string& path = steps[index].path;
  const std::size_t dot = path.rfind('.');
  if (path.empty()) return fmt::format("entry {}", index + 1);
  return fmt::format("entry {} ({})", index + 1,
                     path.substr(dot == std::string::npos ? 0 : dot + 1));
}

}  // namespace

std::string reason_not_kept(const Plan& plan) {
  const auto learned = std::find_if(plan.steps.begin(), plan.steps.end(), is_learned);
  if (learned == plan.steps.end()) return "";
  return fmt::format("{} learns on the hidden states themselves",
                     name_of(plan.steps, static_cast<std::size_t>(learned - plan.steps.begin())));
}

std::string statistics_difference(const Plan& a, const Plan& b) {
  if (a.v0 != b.v0) return "the options of modelslim_v0 differ";
  if (a.priors != b.priors) return "the stages of prior differ";
  const Gathering one = gathering_of(a);
  const Gathering other = gathering_of(b);
  const std::vector<Step>& mine = one.steps;
  const std::vector<Step>& theirs = other.steps;
  const bool may_forget = !a.v0 && one.last == other.last;
  for (std::size_t i = 0; i < std::min(mine.size(), theirs.size()); ++i) {
    const bool behind_pass = may_forget && i == one.last && equal_passes(mine[i], theirs[i]);
    if (!behind_pass && !(mine[i] == theirs[i])) return name_of(mine, i) + " differs";
  }
  if (mine.size() == theirs.size()) return "";
  const bool more = mine.size() > theirs.size();
  return fmt::format("{} is in one of them only",
                     name_of(more ? mine : theirs, std::min(mine.size(), theirs.size())));
}

}  // namespace msmodelslim
