#include "pipeline/v0_statistics.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "model/float_model.h"
#include "observe/quantile_tap.h"
#include "observe/spread_tap.h"
#include "pipeline/float_pass.h"
#include "pipeline/float_streams.h"
#include "recipe/v0_steps.h"

namespace msmodelslim {
namespace {

constexpr std::size_t kSamples = 5;
constexpr double kHistogramRange = 50;

using Ranges = std::vector<std::pair<std::string, double>>;  // of linears, in the model's order

// The smoothing entries of the plan alone.
std::vector<std::unique_ptr<Processor>> smoothing(const QuantJob& job,
                                                  const ProcessorContext& context) {
  std::vector<std::unique_ptr<Processor>> processors;
  for (const Step& step : job.plan.steps)
    if (std::holds_alternative<SmoothStep>(step.value) ||
        std::holds_alternative<AwqStep>(step.value))
      processors.push_back(make_processor(step, job.plan, context));
  return processors;
}

double range_of(const SpreadTap::Stats& stats) {
  return stats.std > 0 ? static_cast<double>(stats.largest()) / stats.std : 0;
}

Ranges float_ranges(const QuantJob& job) {
  const auto [config, checkpoint, model] = open_float_model(job.model_path, job.layers);
  const PriorResult prior;
  ProcessorContext context{&model, job.pedigree, {}, nullptr, &prior, job.seed};
  const auto processors = smoothing(job, context);
  FloatStreams streams;
  for (const auto& processor : processors) streams.add(*processor);
  std::int64_t longest =
      streams.start(model, checkpoint, job.samples, job.anti_samples, job.scratch, true);
  std::vector<std::vector<std::int32_t>> first = job.samples;
  first.resize(std::min(first.size(), kSamples));
  PackedStates states = embed_samples(model, checkpoint, first, job.scratch);
  for (const Sequence& s : states.sequences) longest = std::max(longest, s.rows);
  const RopeTable rope(model.rope, longest);
  Workspace workspace;
  FloatLinearOp op(model.dtype);
  Progress progress("statistics", static_cast<std::int64_t>(model.blocks.size()), states.rows,
                    job.quiet);
  Ranges ranges;
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    check_interrupted();
    progress.at(static_cast<std::int64_t>(i), "forward");
    Block block(model.blocks[i], checkpoint);
    BlockState state;
    state.block = &block;
    state.index = static_cast<std::int64_t>(i);
    for (const auto& processor : processors) {
      state.samples = &streams.samples(*processor);
      const std::vector<Tap*> taps = processor->prepare(state);
      streams.pass(*processor, i + 1 == model.blocks.size(), state, taps, rope, workspace);
      processor->finish(state);
    }
    std::vector<std::string> names;
    for (const Linear* linear : block.linears()) names.push_back(linear->name());
    SpreadTap tap(names, 1.0F);
    run_block_on(model, block, states, true, rope, op, {&tap}, workspace);
    for (const std::string& name : names) ranges.emplace_back(name, range_of(tap.all().at(name)));
    for (Linear* linear : block.linears()) checkpoint.dont_need(linear->name() + ".weight");
  }
  return ranges;
}

// Scores of the candidates, in the model's order, on the float model.
Ranges threshold_scores(const QuantJob& job) {
  const auto [config, checkpoint, model] = open_float_model(job.model_path, job.layers);
  const std::set<std::string> candidates(job.plan.v0->disable_names.begin(),
                                         job.plan.v0->disable_names.end());
  Ranges scores;
  std::vector<std::string> names;
  std::optional<QuantileTap> tap;
  const FloatPass pass{model, checkpoint, "threshold", job.quiet, job.scratch};
  pass.run(
      job.anti_samples.empty() ? job.samples : job.anti_samples,
      [&](Block& block, const std::vector<Sequence>&) {
        names.clear();
        for (const Linear* linear : block.linears())
          if (candidates.count(linear->name()) > 0) names.push_back(linear->name());
        tap.emplace(names);
        return std::vector<Tap*>{&*tap};
      },
      [&] {
        for (const std::string& name : names) scores.emplace_back(name, tap->score(name));
      });
  return scores;
}

// Of disable_names only those that score above the threshold stay float, and what has no score.
void apply_threshold(const QuantJob& job, V0Options& v0) {
  std::set<std::string> quantized;
  for (const auto& [name, score] : threshold_scores(job)) {
    log_info("quant", "{} scores {:.3f}: {}", name, score,
             score > v0.disable_threshold ? "stays float" : "is quantized");
    if (score <= v0.disable_threshold) quantized.insert(name);
  }
  std::erase_if(v0.disable_names,
                [&](const std::string& name) { return quantized.count(name) > 0; });
}

}  // namespace

void decide_v0(QuantJob* job) {
  V0Options& v0 = *job->plan.v0;
  if (v0.disable_threshold > 0) {
    apply_threshold(*job, v0);
    if (v0.level == 0 && v0.act_method != 3) {
      job->plan.steps = v0_steps(v0);
      return;
    }
  }
  Ranges ranges = float_ranges(*job);
  if (v0.act_method == 3) {
    v0.histograms.emplace();
    for (const auto& [name, range] : ranges)
      if (range <= kHistogramRange) v0.histograms->push_back(name);
    log_info("quant", "act_method 3: {} linears with histograms, {} with min-max ranges",
             v0.histograms->size(), ranges.size() - v0.histograms->size());
  }
  const std::set<std::string> disabled(v0.disable_names.begin(), v0.disable_names.end());
  std::erase_if(ranges, [&](const auto& entry) { return disabled.count(entry.first) > 0; });
  std::stable_sort(ranges.begin(), ranges.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  const auto count = std::min(ranges.size(), static_cast<std::size_t>(v0.level));
  v0.rolled_back.clear();
  for (std::size_t i = 0; i < count; ++i) {
    v0.rolled_back.push_back(ranges[i].first);
    log_info("quant", "disable_level {}: {} stays float, its range is {:.1f} standard deviations",
             v0.disable_level, ranges[i].first, ranges[i].second);
  }
  job->plan.steps = v0_steps(v0);
}

}  // namespace msmodelslim
