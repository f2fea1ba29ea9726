#include "pipeline/by_tensors.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "checkpoint/tensor_summary.h"
#include "model/float_model.h"
#include "pipeline/planned_linears.h"
#include "pipeline/tensor_run.h"

namespace msmodelslim {
namespace {

constexpr const char* kLogger = "quant";

using LinearSteps = std::vector<const LinearQuantStep*>;

// The entries that quantize a linear from its weight alone, in order; `others` are the rest.
void sort_steps(const std::vector<Step>& steps, LinearSteps* linears,
                std::vector<std::string>* others) {
  for (const Step& step : steps) {
    const auto* linear = std::get_if<LinearQuantStep>(&step.value);
    if (const auto* group = std::get_if<GroupStep>(&step.value))
      sort_steps(group->steps, linears, others);
    else if (linear != nullptr && !needs_data(step))
      linears->push_back(linear);
    else
      others->push_back(step.path.empty() ? "an entry" : step.path);
  }
}

LinearSteps linear_steps(const Plan& plan) {
  LinearSteps linears;
  std::vector<std::string> others;
  sort_steps(plan.steps, &linears, &others);
  return linears;
}

// The name up to its first number.
std::string layer_of(const std::string& name) {
  const std::size_t digit = name.find_first_of("0123456789");
  return digit == std::string::npos ? "" : name.substr(0, name.find('.', digit));
}

struct Kind {
  std::int64_t count = 0;
  std::vector<std::string> patterns;

  void add(const std::string& name) {
    ++count;
    const std::string pattern = without_numbers(name);
    if (std::find(patterns.begin(), patterns.end(), pattern) == patterns.end())
      patterns.push_back(pattern);
  }
  std::string text(const std::string& what, const char* unit) const {
    constexpr std::size_t kShown = 12;
    std::string line = fmt::format("{}: {} {}: ", what, count, unit);
    for (std::size_t i = 0; i < patterns.size() && i < kShown; ++i)
      line += (i > 0 ? ", " : "") + patterns[i];
    if (patterns.size() > kShown) line += fmt::format(" and {} more", patterns.size() - kShown);
    return line;
  }
};

// The recipes of a run take turns at a tensor, so that the files are read once.
class TensorWalk {
 public:
  TensorWalk(const std::vector<QuantJob>& jobs, const FloatModel& model)
      : jobs_(jobs), checkpoint_(model.checkpoint) {
    for (const QuantJob& job : jobs)
      runs_.push_back(std::make_unique<TensorRun>(job, model, linear_steps(job.plan)));
    for (const std::string& name : checkpoint_.names())
      layers_.emplace(layer_of(name), static_cast<std::int64_t>(layers_.size()));
  }

  std::vector<QuantSummary> run() {
    std::vector<std::int64_t> begun;  // layers that earlier runs have done
    try {
      begin();
      for (const auto& run : runs_) begun.push_back(layer(run->next_tensor()));
      write_all();
      for (const auto& run : runs_) run->end();
      check_interrupted();
      for (const auto& run : runs_) run->publish();
    } catch (const ResourceError& error) {
      const std::string kept = keep();
      if (kept.empty()) throw;
      throw with_kept(error, kept);
    }
    std::vector<QuantSummary> summaries;
    for (std::size_t r = 0; r < runs_.size(); ++r) summaries.push_back(runs_[r]->summary(begun[r]));
    return summaries;
  }

 private:
  // What unfinished runs have left stays. The first of them, or "".
  std::string keep() {
    std::string first;
    for (const auto& run : runs_)
      if (run->keep_folder() && first.empty()) first = run->working();
    return first;
  }

  void begin() {
    try {
      for (const auto& run : runs_) run->begin();
    } catch (const UsageError&) {
      keep();
      throw;
    }
  }

  // The number of the layer of a tensor; of layers, behind the last one.
  std::int64_t layer(std::size_t tensor) const {
    const std::vector<std::string>& names = checkpoint_.names();
    return tensor < names.size() ? layers_.at(layer_of(names[tensor]))
                                 : static_cast<std::int64_t>(layers_.size());
  }

  void write_all() {
    const std::vector<std::string>& names = checkpoint_.names();
    std::size_t first = names.size();
    for (const auto& run : runs_) first = std::min(first, run->next_tensor());
    Progress progress("quant", static_cast<std::int64_t>(layers_.size()), 0, jobs_.front().quiet,
                      layer(first));
    std::int64_t shown = -1;
    for (std::size_t i = first; i < names.size(); ++i) {
      check_interrupted();
      if (i + 1 < names.size()) checkpoint_.will_need(names[i + 1]);
      if (layer(i) > shown) progress.at(shown = layer(i), "tensors");
      for (const auto& run : runs_)
        if (run->next_tensor() <= i) run->write(i);
      checkpoint_.dont_need(names[i]);
      if (layer(i + 1) > shown)
        for (const auto& run : runs_)
          if (run->next_tensor() == i + 1) run->end_layer();
      for (const auto& run : runs_)
        if (run->next_tensor() == i + 1 && run->due()) run->note();
    }
  }

  const std::vector<QuantJob>& jobs_;
  const CheckpointReader& checkpoint_;
  std::vector<std::unique_ptr<TensorRun>> runs_;
  std::map<std::string, std::int64_t> layers_;
};

}  // namespace

void check_data_free(const QuantJob& job, const ModelSpec& model) {
  if (model.has_forward()) return;
  LinearSteps linears;
  std::vector<std::string> others;
  sort_steps(job.plan.steps, &linears, &others);
  if (job.plan.v0) others.emplace_back("a modelslim_v0 recipe");
  if (!job.plan.priors.empty()) others.emplace_back("spec.prior");
  if (others.empty()) return;
  throw UsageError(
      fmt::format("{}; {} of the recipe {} needs a forward pass", model.obstacle, others.front(),
                  job.plan.config_id),
      "quantize without data: leave --config_path out, or choose data-free-w8a8, data-free-w8a16, "
      "data-free-w4a8, data-free-w4a16, data-free-mxfp8, data-free-mxfp4 or data-free-w4a8-mx");
}

std::vector<std::string> tensor_plan(const QuantJob& job, const ModelSpec& model,
                                     const CheckpointReader& checkpoint) {
  std::map<std::string, Kind> types;
  std::set<std::string> quantized;
  for (const PlannedLinear& linear : planned_linears(job, model)) {
    if (linear.type == "FLOAT") continue;
    types[linear.type].add(linear.spec->name);
    quantized.insert(linear.spec->name);
  }
  Kind rest;
  Kind fused;
  for (const std::string& name : checkpoint.names()) {
    const std::size_t dot = name.rfind('.');
    if (dot != std::string::npos && quantized.count(name.substr(0, dot)) > 0) continue;
    const bool experts =
        name.find("experts") != std::string::npos && checkpoint.source(name).shape().size() == 3;
    (experts ? fused : rest).add(name);
  }
  std::vector<std::string> lines;
  for (const auto& [type, kind] : types) lines.push_back(kind.text(type, "linears"));
  if (rest.count > 0) lines.push_back(rest.text("as they are", "tensors"));
  if (fused.count > 0) lines.push_back(fused.text("experts in one tensor, as they are", "tensors"));
  return lines;
}

std::optional<std::vector<QuantSummary>> quantize_by_tensors(const std::vector<QuantJob>& jobs) {
  const FloatModel model = open_float_model(jobs.front().model_path, jobs.front().layers);
  if (model.spec.has_forward()) return std::nullopt;
  log_warning(kLogger, "{}", model.spec.obstacle);
  for (const QuantJob& job : jobs) {
    log_info(kLogger,
             "the plan of {}, by the names and shapes of the tensors:", job.plan.config_id);
    for (const std::string& line : tensor_plan(job, model.spec, model.checkpoint))
      log_info(kLogger, "  {}", line);
  }
  if (!jobs.front().ranks->is_root()) return std::vector<QuantSummary>(jobs.size());
  return TensorWalk(jobs, model).run();
}

}  // namespace msmodelslim
