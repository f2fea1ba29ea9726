#include "pipeline/tensor_run.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "pipeline/block_writer.h"
#include "pipeline/fingerprint.h"
#include "pipeline/linear_config.h"
#include "pipeline/linear_notes.h"
#include "pipeline/make_saver.h"
#include "quantize/linear_quantizer.h"
#include "save/copy_files.h"
#include "save/verify.h"

namespace msmodelslim {

TensorRun::TensorRun(const QuantJob& job, const FloatModel& model,
                     const std::vector<const LinearQuantStep*>& steps)
    : job_(job), checkpoint_(model.checkpoint), model_(model.spec) {
  const NameFilter exclude(job.exclude, {}, false);
  for (const LinearSpec& linear : model_.loose) {
    bias_.insert(linear.name + ".bias");
    const auto step =
        std::find_if(steps.begin(), steps.end(), [&](const LinearQuantStep* candidate) {
          return candidate->filter.selects(linear.name) && !exclude.selects(linear.name);
        });
    Work& work = work_[linear.name + ".weight"];
    work.linear = &linear;
    if (step != steps.end()) work.step = *step;
  }
}

void TensorRun::begin() {
  bool goes_on = false;
  const Json print = fingerprint(job_);
  folder_ = std::make_unique<OutputFolder>(
      job_.save_path, job_.model_path, job_.overwrite, [&](const std::string& working) {
        goes_on = !job_.restart && Journal(working, print, 0).found() && !job_.debug;
        return goes_on;
      });
  // At the disk's speed, where syncing costs most.
  journal_ = std::make_unique<Journal>(folder_->working(), print, 5 * job_.journal_pause);
  if (!job_.recipe_file.empty())
    write_file_atomic(folder_->file(job_.recipe_file), job_.recipe_text);
  copy_model_files(job_.model_path, folder_->working(), false);
  saver_ = make_saver(job_, model_, folder_->working());
  if (goes_on) explain_damage([&] { resume(); });
}

void TensorRun::resume() {
  const Json state = journal_->read({});
  saver_->resume(state.at("saver"));
  next_ = state.at("next_tensor");
  if (next_ > checkpoint_.names().size())
    throw DataError(fmt::format("the journal speaks of {} tensors, the model has {}", next_,
                                checkpoint_.names().size()),
                    "give --restart to begin again");
  quantized_ = state.at("quantized");
  notes_ = notes_from_json(state.at("notes"));
  details_ = RunNotes::from_json(state.at("details"));
  log_info("quant", "an earlier run of this command has done {} of {} tensors; going on there",
           next_, checkpoint_.names().size());
}

double TensorRun::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void TensorRun::note() {
  journal_->save(static_cast<std::int64_t>(next_),
                 [&] {
                   return Json{{"next_tensor", next_},
                               {"saver", saver_->state()},
                               {"quantized", quantized_},
                               {"notes", notes_json(notes_)},
                               {"details", details_.json()}};
                 },
                 {});
}

bool TensorRun::keep_folder() {
  if (journal_ == nullptr || !journal_->saved()) return false;
  folder_->keep();
  return true;
}

void TensorRun::write(std::size_t tensor) {
  const std::string& name = checkpoint_.names()[tensor];
  next_ = tensor + 1;
  if (bias_.count(name) > 0) return;
  const auto work = work_.find(name);
  if (work != work_.end() && work->second.step != nullptr) {
    write_linear(work->second);
    return;
  }
  const WeightSource source = checkpoint_.source(name);
  check_finite(name, source);
  if (work == work_.end()) {
    Tensor decoded;
    saver_->copy(name, source.whole(decoded));
    return;
  }
  Linear linear(*work->second.linear, checkpoint_);
  notes_.push_back({linear.name(), linear_type_name(LinearType::kFloat), {}});
  saver_->write(linear);
}

void TensorRun::write_linear(const Work& work) {
  Linear linear(*work.linear, checkpoint_);
  const LinearConfig config = linear_config_of(*work.step, job_.plan, model_.dtype);
  QuantizedLinear made = LinearQuantizer(config, linear).finish();
  notes_.push_back({linear.name(), linear_type_name(made.type), {}});
  if (job_.read_back) notes_.back().error = weight_error(linear, made);
  details_.add_quantized(made);
  saver_->write(std::move(made));
  ++quantized_;
}

void TensorRun::end_layer() { timeline_.push_back({seconds(), private_bytes()}); }

void TensorRun::end() {
  saver_->finish();
  if (job_.read_back) require_sound(folder_->working(), saver_->problems(model_, true));
}

QuantSummary TensorRun::summary(std::int64_t resumed_blocks) {
  QuantSummary summary;
  summary.notes = std::move(notes_);
  summary.details = std::move(details_);
  summary.timeline = std::move(timeline_);
  summary.tensors_hash = saver_->tensors_hash();
  summary.folder = folder_->final_path();
  summary.bytes_before = checkpoint_.total_bytes();
  summary.bytes_after = saver_->total_bytes();
  summary.linears = static_cast<std::int64_t>(model_.loose.size());
  summary.quantized = quantized_;
  summary.resumed_blocks = resumed_blocks;
  summary.wall_seconds = seconds();
  summary.cpu_seconds = cpu_seconds();
  summary.write_wait_seconds = saver_->write_wait_seconds();
  summary.disk_reads = disk_reads();
  summary.peak_bytes = watch_.peak();
  return summary;
}

}  // namespace msmodelslim
