#include "pipeline/quantize_model.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/output_folder.h"
#include "base/progress.h"
#include "base/usage.h"
#include "checkpoint/source.h"
#include "forward/run.h"
#include "observe/expert_coverage.h"
#include "pipeline/block_writer.h"
#include "pipeline/by_tensors.h"
#include "pipeline/engine_keys.h"
#include "pipeline/expert_fallback.h"
#include "pipeline/float_streams.h"
#include "pipeline/head_quant.h"
#include "pipeline/make_saver.h"
#include "pipeline/next_token_pass.h"
#include "pipeline/prior.h"
#include "pipeline/processor.h"
#include "pipeline/v0_save.h"
#include "pipeline/v0_statistics.h"
#include "save/copy_files.h"
#include "save/verify.h"

namespace msmodelslim {
namespace {

class Run {
 public:
  explicit Run(const QuantJob& job)
      : job_(job),
        config_(ModelConfig::read(job.model_path)),
        checkpoint_(open_source(job.model_path)),
        model_(build_model_spec(config_, checkpoint_)),
        ends_(Norm(model_.final_norm, checkpoint_)),
        next_token_(model_, checkpoint_, ends_) {
    check_checkpoint(model_, checkpoint_);
    mixed_groups_ = has_mixed_groups(job, model_);
    find_extra_tensors();
    prior_ = run_priors(job.plan.priors, job.prior_samples, model_, checkpoint_, job.quiet);
    ProcessorContext context{&model_, job.pedigree, {}, job.debug ? &debug_ : nullptr,
                             &prior_, job.seed};
    for (const std::string& pattern : job.exclude) context.exclude.emplace_back(pattern);
    for (const Step& step : job.plan.steps)
      processors_.push_back(make_processor(step, job.plan, context));
    for (const auto& processor : processors_) processor->begin(ends_);
    for (std::size_t i = 0; i < processors_.size(); ++i)
      if (processors_[i]->stream() == Stream::kQuantized && processors_[i]->needs_data())
        last_data_ = static_cast<int>(i);
    for (const auto& processor : processors_) float_streams_.add(*processor);
    head_ = head_step(job.plan, job.exclude, model_);
  }

  QuantSummary run() {
    const auto start = std::chrono::steady_clock::now();
    OutputFolder folder(job_.save_path, job_.model_path, job_.overwrite);
    if (!job_.recipe_file.empty())
      write_file_atomic((fs::path(folder.working()) / job_.recipe_file).string(), job_.recipe_text);
    copy_model_files(job_.model_path, folder.working(), rewrites_ends());
    if (job_.plan.v0 && job_.plan.v0->mindie) mark_config(*job_.plan.v0, folder.working());
    const std::unique_ptr<Saver> made = make_saver(job_, model_, folder.working());
    Saver& saver = *made;
    if (job_.plan.v0) write_embedding(saver);
    run_blocks(saver);
    if (!job_.plan.v0) write_embedding(saver);
    write_end(saver);
    write_extra_tensors(saver);
    saver.finish();
    note_engine_keys(job_, model_, folder.working());
    if (job_.debug) debug_.write(folder.working());
    if (job_.read_back) require_sound(folder.working(), saver.problems(model_, mixed_groups_));
    check_interrupted();
    folder.publish();
    summary_.folder = folder.final_path();
    summary_.bytes_before = checkpoint_.total_bytes();
    summary_.bytes_after = saver.total_bytes();
    summary_.wall_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    summary_.cpu_seconds = cpu_seconds();
    summary_.peak_bytes = peak_private_bytes();
    return summary_;
  }

 private:
  // Everything in the checkpoint is written: tensors that no module of the model has, too.
  void find_extra_tensors() {
    std::set<std::string> known = {model_.embedding + ".weight", model_.head.name + ".weight",
                                   model_.final_norm.name + ".weight"};
    for (const std::string& name : module_names(model_)) {
      known.insert(name + ".weight");
      known.insert(name + ".bias");
    }
    for (const BlockSpec& block : model_.blocks)
      for (const std::string& name : block.float_tensors()) known.insert(name);
    for (const std::string& name : checkpoint_.names())
      if (known.count(name) == 0 && !name.ends_with(".rotary_emb.inv_freq"))
        extra_tensors_.push_back(name);
    if (!extra_tensors_.empty())
      log_warning("quant",
                  "{} tensors are no part of {} and are copied as they are, the first is {}",
                  extra_tensors_.size(), model_.architecture, extra_tensors_.front());
  }

  void write_extra_tensors(Saver& saver) {
    for (const std::string& name : extra_tensors_) {
      const WeightSource source = checkpoint_.source(name);
      check_finite(name, source);
      Tensor decoded;
      saver.copy(name, source.whole(decoded));
      checkpoint_.dont_need(name);
    }
  }

  void run_blocks(Saver& saver) {
    PackedStates states;
    std::int64_t longest = 1;
    if (last_data_ >= 0) {
      states = embed_samples(model_, checkpoint_, job_.samples);
      for (const auto& rewrite : ends_.embedding) rewrite(states.values.data(), states.rows);
      for (const Sequence& s : states.sequences) longest = std::max(longest, s.rows);
      if (longest > model_.max_position)
        log_warning("quant", "a calibration sample has {} tokens, the model was made for {}",
                    longest, model_.max_position);
      summary_.calibration_tokens = states.rows;
    }
    longest = std::max(longest,
                       float_streams_.start(model_, checkpoint_, job_.samples, job_.anti_samples));
    summary_.calibration_tokens = std::max(summary_.calibration_tokens, float_streams_.tokens());
    const RopeTable rope(model_.rope, longest);
    if (!job_.held_out.empty()) held_out_.emplace(model_, checkpoint_, job_.held_out, ends_);
    Progress progress("quant", static_cast<std::int64_t>(model_.blocks.size()), states.rows,
                      job_.quiet);
    for (std::size_t i = 0; i < model_.blocks.size(); ++i) {
      Block block(model_.blocks[i], checkpoint_);
      if (block.mtp && last_data_ >= 0 && !next_token_.begun())
        next_token_.begin(job_.samples, states);
      BlockState state;
      state.block = &block;
      state.index = static_cast<std::int64_t>(i);
      for (std::size_t p = 0; p < processors_.size(); ++p) {
        check_interrupted();
        progress.at(static_cast<std::int64_t>(i), processors_[p]->name());
        step(p, i + 1 == model_.blocks.size(), state, states, rope);
      }
      std::string reasons;
      for (const std::string& reason : passes_) reasons += (reasons.empty() ? "" : ", ") + reason;
      log_debug("quant", "{}: {} forward passes ({})", model_.blocks[i].name, passes_.size(),
                reasons);
      passes_.clear();
      note_coverage(block);
      if (held_out_ && !block.mtp) held_out_->run(state);
      write_block(state, checkpoint_, ends_, model_.dtype, saver, summary_);
    }
    if (head_ != nullptr)
      head_result_ = quantize_head(*head_, job_.plan, model_, checkpoint_, states);
  }

  void step(std::size_t index, bool last_block, BlockState& state, PackedStates& states,
            const RopeTable& rope) {
    Processor& processor = *processors_[index];
    if (processor.stream() != Stream::kQuantized) {
      passes_.emplace_back(processor.name());
      float_streams_.step(processor, last_block, state, rope, workspace_);
      return;
    }
    state.samples = &states.sequences;
    state.no_more_passes = static_cast<int>(index) > last_data_;
    const std::vector<Tap*> taps = processor.prepare(state);
    const bool carries = static_cast<int>(index) == last_data_ && (!last_block || head_ != nullptr);
    const bool watches = !taps.empty() || !state.active.empty();
    const bool again = carries && processor.runs_again();
    const bool behind = processor.learns_behind();
    if (behind && !behind_) behind_ = states;
    if (processor.learns()) {
      PackedStates outputs = states;
      run_once(processor, state, outputs, true, taps, rope);
      processor.learn(state, behind ? *behind_ : states, outputs, rope);
      if (carries) states = std::move(outputs);
    } else if (processor.needs_data() && (carries || watches)) {
      run_once(processor, state, states, carries && !again, taps, rope);
    }
    processor.finish(state);
    if (again) run_once(processor, state, states, true, {}, rope);
    if (behind_ && carries) run_once(processor, state, *behind_, true, {}, rope);
  }

  void run_once(const Processor& reason, BlockState& state, PackedStates& states, bool update,
                const std::vector<Tap*>& taps, const RopeTable& rope) {
    passes_.emplace_back(reason.name());
    std::vector<Tap*> all = taps;
    ExpertCoverage coverage;
    if (state.block->moe && coverage_.empty()) all.push_back(&coverage);
    run_pass(state, states, update, all, rope, nullptr);
    if (state.block->moe && coverage_.empty()) coverage_ = coverage.tokens();
    if (state.block->moe) complete_experts(reason, state, states, taps, rope);
  }

  // `completion`: only its experts are watched.
  void run_pass(BlockState& state, PackedStates& states, bool update, const std::vector<Tap*>& taps,
                const RopeTable& rope, const ExpertCompletion* completion) {
    std::vector<std::string> watched;
    if (completion != nullptr) watched = linears_of(*state.block->moe, completion->experts);
    CalibrationOp op(model_.dtype);
    for (auto& [name, quantizer] : state.active)
      if (completion == nullptr || std::find(watched.begin(), watched.end(), name) != watched.end())
        op.add(name, quantizer.get());
    for (auto& [name, linear] : state.done) op.add(name, &linear);
    std::optional<Int8KvOp> kv_op;
    if (state.kv_cache) kv_op.emplace(*state.kv_cache);
    PackedStates entered;
    if (state.block->mtp)
      entered = next_token_.enter(*state.block->mtp, states, op, taps, workspace_);
    PackedStates& in = state.block->mtp ? entered : states;
    run_block_on(model_, *state.block, in, update, rope, op, taps, workspace_,
                 kv_op ? &*kv_op : nullptr, completion);
    if (state.block->mtp && update) states = std::move(entered);
  }

  void complete_experts(const Processor& reason, BlockState& state, PackedStates& states,
                        const std::vector<Tap*>& taps, const RopeTable& rope) {
    ExpertCompletion completion;
    completion.experts = starved_experts(state, coverage_, taps, job_.expert_min_tokens);
    const auto count = std::count(completion.experts.begin(), completion.experts.end(), true);
    if (count == 0) return;
    const std::string problem =
        fmt::format("{}: {} of {} experts get fewer than {} calibration tokens, which {} needs",
                    state.block->moe->spec->name, count, coverage_.size(), job_.expert_min_tokens,
                    reason.name());
    if (job_.expert_fallback == ExpertFallback::kError)
      throw DataError(problem,
                      "use a larger calibration set, or --expert_fallback all_tokens, nearest or "
                      "dynamic");
    if (job_.expert_fallback == ExpertFallback::kDynamic) {
      log_warning("quant", "{}; they go on without data", problem);
      go_without_data(state, completion.experts);
      return;
    }
    completion.all_rows = job_.expert_fallback == ExpertFallback::kAllTokens;
    log_warning("quant", "{}; they are shown {}", problem,
                completion.all_rows ? "all tokens" : "the tokens nearest to them");
    std::vector<OnlyTap> only;
    only.reserve(taps.size());
    std::vector<Tap*> watchers;
    for (Tap* tap : taps) {
      only.emplace_back(*tap, linears_of(*state.block->moe, completion.experts));
      watchers.push_back(&only.back());
    }
    passes_.emplace_back("experts without tokens");
    run_pass(state, states, false, watchers, rope, &completion);
  }

  void note_coverage(const Block& block) {
    if (coverage_.empty()) return;
    log_info("quant", "{}", coverage_text(block.moe->spec->name, coverage_));
    if (job_.debug)
      debug_.add("expert_coverage", {{"layer", block.moe->spec->name}}, "tokens",
                 {coverage_.begin(), coverage_.end()});
    summary_.expert_tokens.insert(summary_.expert_tokens.end(), coverage_.begin(), coverage_.end());
    coverage_.clear();
  }

  void write_embedding(Saver& saver) {
    const std::string name = model_.embedding + ".weight";
    check_finite(name, checkpoint_.at(name));
    if (ends_.embedding.empty())
      saver.write_float(name, checkpoint_.at(name));
    else
      saver.write_float(name, rewritten(checkpoint_.at(name), ends_.embedding).view());
    checkpoint_.dont_need(name);
  }

  bool rewrites_ends() const {
    return !ends_.embedding.empty() || !ends_.head.empty() || head_ != nullptr;
  }

  void write_end(Saver& saver) {
    Head head(model_, checkpoint_);
    ++summary_.linears;
    if (!model_.tied) check_finite(model_.head.name + ".weight", head.linear().source());
    if (ends_.head.empty()) {
      if (ends_.final_norm.bias.empty())
        saver.write_float(model_.final_norm.name + ".weight",
                          checkpoint_.at(model_.final_norm.name + ".weight"));
      else
        saver.write(ends_.final_norm, model_.dtype);
      Tensor weight;  // of the head as it is written
      if (head_result_) {
        ++summary_.quantized;
        weight = dequantized_head(*head_result_);
        head.linear() = Linear(model_.head, weight.view());
        saver.write(std::move(*head_result_));
      } else {
        saver.write(head.linear());
      }
      head.norm() = ends_.final_norm;
      if (held_out_) summary_.proof = held_out_->finish(head);
    } else {
      saver.write(ends_.final_norm, checkpoint_.at(model_.final_norm.name + ".weight").dtype);
      const Tensor weight = rewritten(head.linear().source(), ends_.head);
      saver.write_linear(model_.head.name, weight.view());
      head.norm() = ends_.final_norm;
      head.linear() = Linear(model_.head, weight.view());
      if (held_out_) summary_.proof = held_out_->finish(head);
    }
    if (ends_.global_rotation) saver.write_global_rotation(*ends_.global_rotation);
    saver.set_metadata(ends_.metadata);
    checkpoint_.dont_need((model_.tied ? model_.embedding : model_.head.name) + ".weight");
  }

  const QuantJob& job_;
  ModelConfig config_;
  CheckpointReader checkpoint_;
  ModelSpec model_;
  ModelEnds ends_;
  PriorResult prior_;
  std::vector<std::unique_ptr<Processor>> processors_;
  std::vector<std::string> extra_tensors_;
  int last_data_ = -1;
  FloatStreams float_streams_;
  const LinearQuantStep* head_ = nullptr;  // how the head is quantized; null: it stays float
  std::optional<QuantizedLinear> head_result_;
  bool mixed_groups_ = false;
  DebugInfo debug_;
  Workspace workspace_;
  // What the quantized blocks so far make of the calibration set, where a processor learns on it.
  std::optional<PackedStates> behind_;
  NextTokenPass next_token_;
  std::optional<HeldOutStreams> held_out_;
  std::vector<std::int64_t> coverage_;  // tokens of each expert of the block at work
  std::vector<std::string> passes_;     // of the block at work: who asked for each
  QuantSummary summary_;
};

}  // namespace

void check_job(const QuantJob& job) {
  check_output_path(job.save_path, job.model_path, job.overwrite);
  const CheckpointReader checkpoint = open_source(job.model_path);
  const ModelSpec model = build_any_spec(ModelConfig::read(job.model_path), checkpoint);
  if (model.has_forward()) check_checkpoint(model, checkpoint);
  check_plan(job, model);
}

QuantSummary quantize_model(const QuantJob& job) {
  if (auto summary = quantize_by_tensors(job)) return *summary;
  if (!job.plan.v0 || !job.plan.v0->needs_statistics()) return Run(job).run();
  QuantJob decided = job;
  decide_v0(&decided);
  return Run(decided).run();
}

}  // namespace msmodelslim
