#include "pipeline/quantize_model.h"

#include <algorithm>
#include <functional>
#include <map>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "model/check_checkpoint.h"
#include "pipeline/by_tensors.h"
#include "pipeline/check_ranks.h"
#include "pipeline/cost.h"
#include "pipeline/fingerprint.h"
#include "pipeline/run.h"
#include "pipeline/statistics_file.h"
#include "pipeline/v0_statistics.h"
#include "save/verify.h"

namespace msmodelslim {
namespace {

// The recipes of a run go through each block one after the other, so that its weights are read once
// and only one of them at a time needs room for them.
class Walk {
 public:
  Walk(const std::vector<QuantJob>& jobs, const FloatModel& model) : jobs_(jobs), model_(model) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      runs_.push_back(std::make_unique<Run>(jobs[i], model));
      if (jobs[i].no_passes && jobs[i].passes_of < 0 && !given_) open_statistics(jobs[i].stats_in);
      if (jobs[i].stats_out.empty() || !jobs[i].gathers || !jobs[i].ranks->is_root()) continue;
      kept_of_ = i;
      writer_ = std::make_unique<StatisticsWriter>(jobs[i].stats_out, statistics_header(jobs[i]),
                                                   blocks());
    }
  }

  std::vector<QuantSummary> run() {
    try {
      begin();
      run_blocks();
      end();
    } catch (const ResourceError& error) {
      const std::string kept = keep();
      if (kept.empty()) throw;
      throw with_kept(error, kept);
    }
    std::vector<QuantSummary> summaries;
    for (const auto& run : runs_) summaries.push_back(run->summary());
    return summaries;
  }

 private:
  std::size_t blocks() const { return model_.spec.blocks.size(); }

  void open_statistics(const std::string& path) {
    given_ = std::make_unique<StatisticsFile>(path);
    if (given_->blocks() != blocks())
      throw DataError(fmt::format("{}: the file has the statistics of {} blocks, the model has {}",
                                  path, given_->blocks(), blocks()),
                      "make it again with --stats_out");
  }

  // What unfinished runs have left stays. The first of them, or "".
  std::string keep() {
    std::string first;
    for (const auto& run : runs_)
      if (run->keep_folder() && first.empty()) first = run->working();
    if (writer_ && !first.empty()) writer_->keep();
    return first;
  }

  // A run that others need goes on only where they, or the file of statistics, need nothing of the
  // blocks before; hence it comes behind them.
  void begin() {
    try {
      for (std::size_t i = runs_.size(); i-- > 0;)
        runs_[i]->begin([&](std::size_t done) { return may_go_on(i, done); });
    } catch (const UsageError&) {
      keep();
      throw;
    }
    if (writer_ && runs_[kept_of_]->next_block() == 0) writer_->go_on(0);
    if (jobs_.size() == 1 && jobs_.front().passes == "own") return;
    for (const QuantJob& job : jobs_)
      log_info("quant", "{} ({}): forward passes {}", job.save_path, job.plan.config_id,
               job.passes);
  }

  bool may_go_on(std::size_t index, std::size_t done) {
    for (std::size_t i = 0; i < jobs_.size(); ++i)
      if (jobs_[i].passes_of == static_cast<int>(index) && runs_[i]->next_block() < done) {
        log_info("quant",
                 "{} has been begun less far than {} and needs its passes; both begin anew",
                 jobs_[i].save_path, jobs_[index].save_path);
        return false;
      }
    return !writer_ || index != kept_of_ || writer_->go_on(done);
  }

  void run_blocks() {
    std::size_t first = blocks();
    std::int64_t rows = 0;
    std::vector<double> costs(blocks());
    for (std::size_t r = 0; r < runs_.size(); ++r) {
      first = std::min(first, runs_[r]->next_block());
      rows = std::max(rows, runs_[r]->rows());
      const QuantJob& job = jobs_[r];
      const std::vector<double> own =
          block_costs(model_.spec, job.plan,
                      job.no_passes ? std::vector<std::vector<std::int32_t>>() : job.samples);
      std::transform(own.begin(), own.end(), costs.begin(), costs.begin(), std::plus<>());
    }
    Progress progress("quant", std::move(costs), rows, jobs_.front().quiet,
                      static_cast<std::int64_t>(first));
    for (std::size_t i = first; i < blocks(); ++i) {
      pass_record(i, [&](std::size_t r, const GatheredView* given, GatheredBlock* gathered) {
        runs_[r]->block(i, progress, given, gathered);
      });
      note(i + 1);
    }
  }

  // body() for each run, with what it is given and where others, or the file, expect what it
  // gathers of block `index`, or of the head behind the last one.
  template <typename Body>
  void pass_record(std::size_t index, const Body& body) {
    std::map<std::size_t, GatheredBlock> gathered;
    for (std::size_t r = 0; r < runs_.size(); ++r) {
      if (runs_[r]->next_block() > index) continue;  // done by an earlier run
      GatheredView given;
      if (jobs_[r].passes_of >= 0)
        given = view_of(gathered[static_cast<std::size_t>(jobs_[r].passes_of)]);
      else if (jobs_[r].no_passes)
        given = given_->record(index);
      body(r, jobs_[r].no_passes ? &given : nullptr, jobs_[r].gathers ? &gathered[r] : nullptr);
    }
    if (writer_ && runs_[kept_of_]->next_block() <= index) writer_->add(gathered[kept_of_]);
  }

  // Notes what is done, when all find it is time to: a run that others need last.
  void note(std::size_t done) {
    // What blocks share is not in the journal.
    if (done < blocks() && model_.spec.blocks[done].mla &&
        model_.spec.blocks[done].mla->shares_choice)
      return;
    bool due = true;
    for (const auto& run : runs_) due = run->due() && due;
    if (!due) return;
    if (writer_) writer_->sync();
    for (std::size_t i = runs_.size(); i-- > 0;)
      if (runs_[i]->next_block() < done) runs_[i]->note(done);
  }

  void end() {
    pass_record(blocks(), [&](std::size_t r, const GatheredView* given, GatheredBlock* gathered) {
      runs_[r]->end(given, gathered);
    });
    check_interrupted();
    if (writer_) writer_->publish();
    for (const auto& run : runs_) run->publish();
  }

  const std::vector<QuantJob>& jobs_;
  const FloatModel& model_;
  std::vector<std::unique_ptr<Run>> runs_;
  std::unique_ptr<StatisticsFile> given_;  // --stats_in
  // --stats_out, of the passes of run kept_of_; of rank 0 alone.
  std::unique_ptr<StatisticsWriter> writer_;
  std::size_t kept_of_ = 0;
};

}  // namespace

void check_job(const QuantJob& job) {
  if (job.ranks->is_root()) check_output_path(job.save_path, job.model_path, job.overwrite);
  if (job.ranks->is_root() && !job.stats_out.empty())
    StatisticsWriter::check(job.stats_out, job.overwrite);
  const FloatModel model = open_float_model(job.model_path, job.layers);
  if (model.spec.has_forward()) check_checkpoint(model.spec, model.checkpoint);
  check_plan(job, model.spec);
}

std::vector<QuantSummary> quantize_models(std::vector<QuantJob> jobs) {
  share_passes(&jobs);
  for (const QuantJob& job : jobs) check_ranks(job);
  if (auto summaries = quantize_by_tensors(jobs)) return std::move(*summaries);
  for (QuantJob& job : jobs)
    if (job.plan.v0 && job.plan.v0->needs_statistics()) decide_v0(&job);
  const FloatModel model = open_float_model(jobs.front().model_path, jobs.front().layers);
  return Walk(jobs, model).run();
}

QuantSummary quantize_model(const QuantJob& job) { return quantize_models({job}).front(); }

}  // namespace msmodelslim
