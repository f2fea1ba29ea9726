#include "pipeline/quantize_model.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/output_folder.h"
#include "base/progress.h"
#include "base/threads.h"
#include "base/usage.h"
#include "forward/run.h"
#include "pipeline/float_streams.h"
#include "pipeline/head_quant.h"
#include "pipeline/prior.h"
#include "pipeline/processor.h"
#include "pipeline/v0_save.h"
#include "pipeline/v0_statistics.h"
#include "pipeline/v1_layout.h"
#include "save/ascendv1_saver.h"
#include "save/compressed_tensors_saver.h"
#include "save/copy_files.h"
#include "save/verify.h"

namespace msmodelslim {
namespace {

// Float tensors that are only copied are checked too: NaN must not travel silently.
void check_finite(const std::string& name, const TensorView& view) {
  if (!is_float(view.dtype)) return;
  constexpr std::int64_t kGrain = 1 << 16;
  std::atomic<bool> bad{false};
  const std::size_t size = dtype_size(view.dtype);
  parallel_ranges(view.count(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> values(static_cast<std::size_t>(end - begin));
    to_f32(
        TensorView{view.dtype, {end - begin}, view.bytes + static_cast<std::size_t>(begin) * size},
        values.data());
    for (float value : values)
      if (!std::isfinite(value)) bad = true;
  });
  if (bad)
    throw DataError(fmt::format("tensor {} holds NaN or infinite values", name),
                    "the checkpoint is damaged; download the shard again");
}

class Run {
 public:
  explicit Run(const QuantJob& job)
      : job_(job),
        config_(ModelConfig::read(job.model_path)),
        checkpoint_(job.model_path),
        model_(build_model_spec(config_, checkpoint_)),
        ends_(Norm(model_.final_norm, checkpoint_)) {
    check_checkpoint(model_, checkpoint_);
    mixed_groups_ = has_mixed_groups(job, model_);
    warn_about_extra_tensors();
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
    const std::unique_ptr<Saver> made = make_saver(folder.working());
    Saver& saver = *made;
    if (job_.plan.v0) write_embedding(saver);
    run_blocks(saver);
    if (!job_.plan.v0) write_embedding(saver);
    write_end(saver);
    saver.finish();
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
  std::unique_ptr<Saver> make_saver(const std::string& folder) const {
    constexpr std::uint64_t kGiB = 1ULL << 30;
    AscendV1Options options;
    options.model_dtype = model_.dtype;
    if (job_.plan.v0)
      set_v0_options(*job_.plan.v0, &options);
    else if (!job_.plan.saves.empty())
      options.part_bytes = kGiB * static_cast<std::uint64_t>(job_.plan.saves[0].part_file_size);
    if (!job_.plan.v0) set_v1_layout(job_, model_, &options);
    if (saves_compressed_tensors(job_.plan))
      return std::make_unique<CompressedTensorsSaver>(folder, options.part_bytes, model_.dtype);
    return std::make_unique<AscendV1Saver>(folder, options);
  }

  void warn_about_extra_tensors() const {
    std::set<std::string> known = {model_.embedding + ".weight", model_.head.name + ".weight",
                                   model_.final_norm.name + ".weight"};
    for (const std::string& name : module_names(model_)) {
      known.insert(name + ".weight");
      known.insert(name + ".bias");
    }
    std::vector<std::string> extra;
    for (const std::string& name : checkpoint_.names())
      if (known.count(name) == 0 && !name.ends_with(".rotary_emb.inv_freq")) extra.push_back(name);
    if (!extra.empty())
      log_warning("quant", "{} tensors are no part of {} and are not written, the first is {}",
                  extra.size(), model_.architecture, extra.front());
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
      if (held_out_) held_out_->run(state);
      write_block(saver, state);
      for (Linear* linear : block.linears()) checkpoint_.dont_need(linear->name() + ".weight");
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
    CalibrationOp op(model_.dtype);
    for (auto& [name, quantizer] : state.active) op.add(name, quantizer.get());
    for (auto& [name, linear] : state.done) op.add(name, &linear);
    std::optional<Int8KvOp> kv_op;
    if (state.kv_cache) kv_op.emplace(*state.kv_cache);
    run_block_on(model_, *state.block, states, update, rope, op, taps, workspace_,
                 kv_op ? &*kv_op : nullptr);
  }

  void write_block(Saver& saver, BlockState& state) {
    Block& block = *state.block;
    const DType dtype = model_.dtype;
    const auto extras = [&](const std::string& module, bool before = false) {
      for (const ModuleTensor& extra : state.extras)
        if (extra.module == module && extra.before == before) saver.write(extra);
    };
    const auto linear = [&](Linear& l) {
      ++summary_.linears;
      extras(l.name(), true);
      const auto done = state.done.find(l.name());
      if (done == state.done.end()) {
        if (!l.changed()) check_finite(l.name() + ".weight", l.source());
        saver.write(l);
      } else {
        ++summary_.quantized;
        saver.write(std::move(done->second));
        state.done.erase(done);
      }
      extras(l.name());
    };
    for (Linear* l : {&block.q, &block.k, &block.v, &block.o}) linear(*l);
    if (block.q_norm) saver.write(*block.q_norm, dtype);
    if (block.k_norm) saver.write(*block.k_norm, dtype);
    extras(block.spec->attention_name());
    for (Linear* l : {&block.gate, &block.up, &block.down}) linear(*l);
    saver.write(block.input_norm, dtype);
    saver.write(block.post_attention_norm, dtype);
    summary_.kv_caches += state.kv_cache ? 1 : 0;
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

  static Tensor rewritten(const TensorView& source,
                          const std::vector<ModelEnds::Rewrite>& rewrites) {
    constexpr std::int64_t kRows = 1024;
    Tensor out = Tensor::uninitialized(source.dtype, source.shape);
    const std::int64_t width = source.shape.at(1);
    const std::size_t row_bytes = static_cast<std::size_t>(width) * dtype_size(source.dtype);
    std::vector<float> rows(static_cast<std::size_t>(kRows * width));
    for (std::int64_t begin = 0; begin < source.shape[0]; begin += kRows) {
      check_interrupted();
      const Shape tile = {std::min(kRows, source.shape[0] - begin), width};
      const std::size_t offset = static_cast<std::size_t>(begin) * row_bytes;
      to_f32(TensorView{source.dtype, tile, source.bytes + offset}, rows.data());
      for (const auto& rewrite : rewrites) rewrite(rows.data(), tile[0]);
      const Tensor turned = from_f32(rows.data(), tile, source.dtype);
      std::copy_n(turned.view().bytes, turned.view().byte_size(), out.bytes() + offset);
    }
    return out;
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
  int last_data_ = -1;
  FloatStreams float_streams_;
  const LinearQuantStep* head_ = nullptr;  // how the head is quantized; null: it stays float
  std::optional<QuantizedLinear> head_result_;
  bool mixed_groups_ = false;
  DebugInfo debug_;
  Workspace workspace_;
  // What the quantized blocks so far make of the calibration set, where a processor learns on it.
  std::optional<PackedStates> behind_;
  std::optional<HeldOutStreams> held_out_;
  std::vector<std::string> passes_;  // of the block at work: who asked for each
  QuantSummary summary_;
};

}  // namespace

void check_job(const QuantJob& job) {
  check_output_path(job.save_path, job.model_path, job.overwrite);
  const CheckpointReader checkpoint(job.model_path);
  const ModelSpec model = build_model_spec(ModelConfig::read(job.model_path), checkpoint);
  check_checkpoint(model, checkpoint);
  check_plan(job, model);
}

QuantSummary quantize_model(const QuantJob& job) {
  if (!job.plan.v0 || !job.plan.v0->needs_statistics()) return Run(job).run();
  QuantJob decided = job;
  decide_v0(&decided);
  return Run(decided).run();
}

}  // namespace msmodelslim
