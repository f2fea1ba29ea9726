#include "pipeline/by_tensors.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/output_folder.h"
#include "base/progress.h"
#include "base/usage.h"
#include "checkpoint/tensor_summary.h"
#include "model/float_model.h"
#include "pipeline/block_writer.h"
#include "pipeline/linear_config.h"
#include "pipeline/make_saver.h"
#include "pipeline/planned_linears.h"
#include "quantize/linear_quantizer.h"
#include "save/copy_files.h"
#include "save/verify.h"

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

class TensorRun {
 public:
  TensorRun(const QuantJob& job, const CheckpointReader& checkpoint, const ModelSpec& model)
      : job_(job), checkpoint_(checkpoint), model_(model), steps_(linear_steps(job.plan)) {
    const NameFilter exclude(job.exclude, {}, false);
    for (const LinearSpec& linear : model.loose) {
      bias_.insert(linear.name + ".bias");
      const auto step =
          std::find_if(steps_.begin(), steps_.end(), [&](const LinearQuantStep* candidate) {
            return candidate->filter.selects(linear.name) && !exclude.selects(linear.name);
          });
      Work& work = work_[linear.name + ".weight"];
      work.linear = &linear;
      if (step != steps_.end()) work.step = *step;
    }
  }

  QuantSummary run() {
    const auto start = std::chrono::steady_clock::now();
    OutputFolder folder(job_.save_path, job_.model_path, job_.overwrite);
    if (!job_.recipe_file.empty())
      write_file_atomic((fs::path(folder.working()) / job_.recipe_file).string(), job_.recipe_text);
    copy_model_files(job_.model_path, folder.working(), false);
    const std::unique_ptr<Saver> saver = make_saver(job_, model_, folder.working());
    write_all(*saver);
    saver->finish();
    if (job_.read_back) require_sound(folder.working(), saver->problems(model_, true));
    check_interrupted();
    folder.publish();
    QuantSummary summary;
    summary.notes = std::move(notes_);
    summary.details = std::move(details_);
    summary.tensors_hash = saver->tensors_hash();
    summary.folder = folder.final_path();
    summary.bytes_before = checkpoint_.total_bytes();
    summary.bytes_after = saver->total_bytes();
    summary.linears = static_cast<std::int64_t>(model_.loose.size());
    summary.quantized = quantized_;
    summary.wall_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    summary.cpu_seconds = cpu_seconds();
    summary.write_wait_seconds = saver->write_wait_seconds();
    summary.disk_reads = disk_reads();
    summary.peak_bytes = peak_private_bytes();
    return summary;
  }

 private:
  void write_all(Saver& saver) {
    std::map<std::string, std::int64_t> layers;
    for (const std::string& name : checkpoint_.names())
      layers.emplace(layer_of(name), static_cast<std::int64_t>(layers.size()));
    Progress progress("quant", static_cast<std::int64_t>(layers.size()), 0, job_.quiet);
    std::int64_t shown = -1;
    const std::vector<std::string>& names = checkpoint_.names();
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::string& name = names[i];
      check_interrupted();
      if (i + 1 < names.size()) checkpoint_.will_need(names[i + 1]);
      const std::int64_t layer = layers.at(layer_of(name));
      if (layer > shown) progress.at(shown = layer, "tensors");
      if (bias_.count(name) == 0) write(name, saver);
      checkpoint_.dont_need(name);
    }
  }

  void write(const std::string& name, Saver& saver) {
    const auto work = work_.find(name);
    if (work == work_.end() || work->second.step == nullptr) {
      const WeightSource source = checkpoint_.source(name);
      check_finite(name, source);
      if (work == work_.end()) {
        Tensor decoded;
        saver.copy(name, source.whole(decoded));
        return;
      }
    }
    Linear linear(*work->second.linear, checkpoint_);
    if (work->second.step == nullptr) {
      notes_.push_back({linear.name(), linear_type_name(LinearType::kFloat), {}});
      saver.write(linear);
      return;
    }
    const LinearConfig config = linear_config_of(*work->second.step, job_.plan, model_.dtype);
    QuantizedLinear made = LinearQuantizer(config, linear).finish();
    notes_.push_back({linear.name(), linear_type_name(made.type), {}});
    if (job_.read_back) notes_.back().error = weight_error(linear, made);
    details_.add_quantized(made);
    saver.write(std::move(made));
    ++quantized_;
  }

  struct Work {
    const LinearSpec* linear = nullptr;
    const LinearQuantStep* step = nullptr;  // null: it stays float
  };

  const QuantJob& job_;
  const CheckpointReader& checkpoint_;
  const ModelSpec& model_;
  LinearSteps steps_;
  std::map<std::string, Work> work_;  // by the name of the weight
  std::set<std::string> bias_;        // written with their linears
  std::int64_t quantized_ = 0;
  std::vector<LinearNote> notes_;
  RunNotes details_;
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

std::optional<QuantSummary> quantize_by_tensors(const QuantJob& job) {
  const auto [config, checkpoint, model] = open_float_model(job.model_path, job.layers);
  if (model.has_forward()) return std::nullopt;
  log_warning(kLogger, "{}", model.obstacle);
  log_info(kLogger, "the plan, by the names and shapes of the tensors:");
  for (const std::string& line : tensor_plan(job, model, checkpoint))
    log_info(kLogger, "  {}", line);
  if (!job.ranks->is_root()) return QuantSummary();
  return TensorRun(job, checkpoint, model).run();
}

}  // namespace msmodelslim
