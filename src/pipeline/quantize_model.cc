#include "pipeline/quantize_model.h"

#include <algorithm>
#include <chrono>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/output_folder.h"
#include "base/progress.h"
#include "base/usage.h"
#include "forward/run.h"
#include "model/float_model.h"
#include "pipeline/block_writer.h"
#include "pipeline/by_tensors.h"
#include "pipeline/calibration_pass.h"
#include "pipeline/check_ranks.h"
#include "pipeline/end_writer.h"
#include "pipeline/engine_keys.h"
#include "pipeline/fingerprint.h"
#include "pipeline/float_streams.h"
#include "pipeline/head_quant.h"
#include "pipeline/journal.h"
#include "pipeline/make_saver.h"
#include "pipeline/next_token_pass.h"
#include "pipeline/prior.h"
#include "pipeline/processor.h"
#include "pipeline/shared_samples.h"
#include "pipeline/v0_save.h"
#include "pipeline/v0_statistics.h"
#include "save/copy_files.h"
#include "save/verify.h"

namespace msmodelslim {
namespace {

Json notes_json(const std::vector<LinearNote>& notes) {
  Json json = Json::array();
  for (const LinearNote& note : notes) {
    json.push_back({note.name, note.type});
    if (note.error) json.back().insert(json.back().end(), {note.error->snr_db, note.error->cosine});
  }
  return json;
}

std::vector<LinearNote> notes_from_json(const Json& json) {
  std::vector<LinearNote> notes;
  for (const Json& item : json) {
    notes.push_back({item.at(0), item.at(1), {}});
    if (item.size() > 2) notes.back().error = WeightError{item.at(2), item.at(3)};
  }
  return notes;
}

class Run {
 public:
  explicit Run(const QuantJob& job)
      : job_(job),
        float_(open_float_model(job.model_path, job.layers)),
        ends_(Norm(model_.final_norm, checkpoint_)),
        end_writer_(model_, checkpoint_, ends_),
        ranks_(*job.ranks),
        samples_(ranks_, job.samples, chunk_rows_of(model_, job.samples),
                 reason_for_whole_set(job.plan, model_).empty()),
        next_token_(model_, checkpoint_, ends_, job.scratch),
        pass_(job, model_, next_token_) {
    check_checkpoint(model_, checkpoint_);
    mixed_groups_ = has_mixed_groups(job, model_);
    prior_ =
        run_priors(job.plan.priors, job.prior_samples, model_, checkpoint_, job.quiet, job.scratch);
    ProcessorContext context{&model_, job.pedigree, {},     job.debug ? &debug_ : nullptr,
                             &prior_, job.seed,     &ranks_};
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

  // The part of a rank that does not write.
  QuantSummary follow() {
    start_states();
    if (ranks_.broadcast_message(0, {}) == yes()) resume({}, nullptr);
    run_blocks(nullptr, nullptr);
    count_traffic();
    return {};
  }

  QuantSummary run() {
    if (!ranks_.is_root()) return follow();
    const Json print = fingerprint(job_);
    OutputFolder folder(job_.save_path, job_.model_path, job_.overwrite,
                        [&](const std::string& working) {
                          return !job_.restart && Journal(working, print, 0).found();
                        });
    Journal journal(folder.working(), print, job_.journal_pause);
    try {
      write(folder, journal);
      check_interrupted();
      folder.publish();
    } catch (const ResourceError& error) {
      if (!journal.saved()) throw;
      folder.keep();
      throw ResourceError(
          fmt::format("{}. What was done is kept in {}", error.what(), folder.working()),
          fmt::format("{}{}start the same command again to go on, or with --restart to begin anew",
                      error.remedy(), error.remedy().empty() ? "" : "; then "));
    }
    summary_.folder = folder.final_path();
    summary_.bytes_before = checkpoint_.total_bytes();
    summary_.wall_seconds = seconds();
    summary_.cpu_seconds = cpu_seconds();
    summary_.disk_reads = disk_reads();
    summary_.peak_bytes = watch_.peak();
    return summary_;
  }

 private:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  // Makes the whole folder.
  void write(OutputFolder& folder, Journal& journal) {
    if (!job_.recipe_file.empty())
      write_file_atomic(folder.file(job_.recipe_file), job_.recipe_text);
    copy_model_files(job_.model_path, folder.working(), rewrites_ends());
    if (job_.plan.v0) mark_config(*job_.plan.v0, job_.layers, folder.working());
    const std::unique_ptr<Saver> made = make_saver(job_, model_, folder.working());
    Saver& saver = *made;
    start_states();
    const bool goes_on = !job_.debug && journal.found();
    ranks_.broadcast_message(0, goes_on ? yes() : Bytes());
    if (goes_on)
      resume_or_explain(journal, saver);
    else
      begin(saver);
    run_blocks(&saver, &journal);
    count_traffic();
    if (!job_.plan.v0) end_writer_.write_embedding(saver);
    write_head(saver);
    end_writer_.write_extra_tensors(saver);
    saver.finish();
    note_engine_keys(job_, model_, folder.working());
    if (job_.debug) debug_.write(folder.working());
    if (job_.read_back) require_sound(folder.working(), saver.problems(model_, mixed_groups_));
    summary_.bytes_after = saver.total_bytes();
    summary_.tensors_hash = saver.tensors_hash();
    summary_.write_wait_seconds = saver.write_wait_seconds();
  }

  // Embeds what passes through the blocks.
  void start_states() {
    if (const std::string reason = reason_for_whole_set(job_.plan, model_);
        !ranks_.alone() && last_data_ >= 0 && !reason.empty())
      log_info("quant", "{} ranks, each of which computes the whole calibration set: {} needs it",
               ranks_.size(), reason);
    if (last_data_ >= 0) {
      states_ = embed_samples(model_, checkpoint_, samples_.mine(), job_.scratch);
      states_.chunk_rows = chunk_rows_of(model_, job_.samples);
      ends_.rewrite_states(model_, states_.values.data(), states_.rows);
      longest_ = samples_.longest();
      pass_.share(samples_.split());
      if (longest_ > model_.max_position)
        log_warning("quant", "a calibration sample has {} tokens, the model was made for {}",
                    longest_, model_.max_position);
      summary_.calibration_tokens = samples_.rows();
    } else {
      samples_.join();
    }
    longest_ = std::max(longest_, float_streams_.start(model_, checkpoint_, job_.samples,
                                                       job_.anti_samples, job_.scratch));
    summary_.calibration_tokens = std::max(summary_.calibration_tokens, float_streams_.tokens());
    if (!job_.held_out.empty() && ranks_.is_root())
      held_out_.emplace(model_, checkpoint_, job_.held_out, ends_, job_.scratch);
    const bool behind = std::any_of(processors_.begin(), processors_.end(),
                                    [](const auto& p) { return p->learns_behind(); });
    if (behind) behind_ = states_;
  }

  void begin(Saver& saver) {
    if (job_.plan.v0) end_writer_.write_embedding(saver);
  }

  // `states`: of the whole calibration set.
  std::vector<NamedValues> live_values(FloatBuffer& states) {
    std::vector<NamedValues> values = {{"states", &states}};
    if (behind_) values.push_back({"behind", &behind_->values});
    for (const NamedValues& value : float_streams_.values()) values.push_back(value);
    if (held_out_)
      for (const NamedValues& value : held_out_->values()) values.push_back(value);
    return values;
  }

  Json state(std::size_t next_block, Saver& saver) {
    Json generators = Json::array();
    for (const auto& processor : processors_) {
      std::ostringstream text;
      if (processor->generator() != nullptr) text << *processor->generator();
      generators.push_back(text.str());
    }
    return {{"next_block", next_block},
            {"saver", saver.state()},
            {"generators", std::move(generators)},
            {"next_tokens", next_token_.next()},
            {"block_errors", held_out_ ? held_out_->block_errors() : std::vector<double>()},
            {"linears", summary_.linears},
            {"quantized", summary_.quantized},
            {"kv_caches", summary_.kv_caches},
            {"expert_tokens", summary_.expert_tokens},
            {"notes", notes_json(summary_.notes)},
            {"details", summary_.details.json()}};
  }

  void resume_or_explain(Journal& journal, Saver& saver) {
    const auto give_up = [](const std::exception& error) {
      throw DataError(fmt::format("the unfinished run is damaged: {}", error.what()),
                      "start the same command again; it begins anew");
    };
    try {
      resume(&journal, &saver);
    } catch (const Json::exception& error) {
      give_up(error);
    } catch (const DataError& error) {
      give_up(error);
    } catch (const fs::filesystem_error& error) {
      give_up(error);
    }
  }

  // Goes on where the run of the journal was, which rank 0 reads.
  void resume(Journal* journal, Saver* saver) {
    Json state;
    FloatBuffer whole(job_.scratch);
    if (ranks_.is_root()) {
      if (samples_.split()) whole.reset(static_cast<std::size_t>(samples_.rows() * states_.width));
      state = journal->read(live_values(samples_.split() ? whole : states_.values));
      saver->resume(state.at("saver"));
    }
    if (!ranks_.alone()) state = shared_state(state, whole);
    for (std::size_t i = 0; i < processors_.size(); ++i) {
      std::istringstream text(state.at("generators").at(i).get<std::string>());
      if (processors_[i]->generator() != nullptr) text >> *processors_[i]->generator();
    }
    if (const auto next = state.at("next_tokens").get<std::vector<std::int32_t>>(); !next.empty())
      next_token_.begin(job_.samples, next);
    if (held_out_) held_out_->block_errors() = state.at("block_errors").get<std::vector<double>>();
    summary_.linears = state.at("linears");
    summary_.quantized = state.at("quantized");
    summary_.kv_caches = state.at("kv_caches");
    summary_.expert_tokens = state.at("expert_tokens").get<std::vector<std::int64_t>>();
    summary_.notes = notes_from_json(state.at("notes"));
    summary_.details = RunNotes::from_json(state.at("details"));
    summary_.resumed_blocks = state.at("next_block");
    log_info("quant", "an earlier run of this command has done {} of {} blocks; going on there",
             summary_.resumed_blocks, model_.blocks.size());
  }

  // What rank 0 has read goes to all; so do the hidden states.
  Json shared_state(const Json& read, FloatBuffer& whole) {
    ByteWriter writer;
    writer.text(read.dump());
    const Bytes message = ranks_.broadcast_message(0, writer.take());
    Json state = Json::parse(ByteReader(message).text());
    if (samples_.split() && state.at("next_tokens").empty()) {
      samples_.from_root(whole, states_);
      return state;
    }
    if (samples_.split()) {
      if (ranks_.is_root()) states_.values = std::move(whole);
      join_samples();
      states_.sequences = samples_.sequences();
      states_.rows = samples_.rows();
      if (!ranks_.is_root())
        states_.values.reset(static_cast<std::size_t>(states_.rows * states_.width));
    }
    std::vector<NamedValues> all = float_streams_.values();
    all.push_back({"states", &states_.values});
    if (behind_) all.push_back({"behind", &behind_->values});
    for (const NamedValues& value : all)
      ranks_.broadcast(0, value.values->data(), value.values->size() * sizeof(float));
    return state;
  }

  // From here on every rank has all samples.
  void join_samples() {
    samples_.join();
    pass_.share(false);
  }

  // Rank 0 notes what is done, when it is time to.
  void note_progress(std::size_t next_block, Saver* saver, Journal* journal) {
    bool due = journal != nullptr && !job_.debug && journal->due();
    ranks_.broadcast(0, &due, sizeof(due));
    if (!due) return;
    FloatBuffer whole;
    if (samples_.split()) whole = samples_.at_root(states_, job_.scratch);
    if (journal != nullptr)
      journal->save(static_cast<std::int64_t>(next_block) - 1, state(next_block, *saver),
                    live_values(samples_.split() ? whole : states_.values));
  }

  // What the ranks have sent each other.
  void count_traffic() {
    ByteWriter writer;
    writer.value(ranks_.bytes_sent());
    for (const Bytes& message : ranks_.gather(writer.take()))
      summary_.bytes_exchanged += ByteReader(message).value<std::uint64_t>();
  }

  static Bytes yes() { return {std::byte{1}}; }

  // `saver` and `journal`: of rank 0; null elsewhere.
  void run_blocks(Saver* saver, Journal* journal) {
    const RopeTable rope(model_.rope, longest_);
    const auto first = static_cast<std::size_t>(summary_.resumed_blocks);
    Progress progress("quant", static_cast<std::int64_t>(model_.blocks.size()), samples_.rows(),
                      job_.quiet, summary_.resumed_blocks);
    for (std::size_t i = first; i < model_.blocks.size(); ++i) {
      Block block(model_.blocks[i], checkpoint_);
      read_ahead(i + 1);
      if (block.mtp && last_data_ >= 0 && !next_token_.begun()) {
        if (samples_.split()) {
          states_ = samples_.whole(states_, job_.scratch);
          join_samples();
        }
        next_token_.begin(job_.samples, states_);
      }
      BlockState state;
      state.block = &block;
      state.index = static_cast<std::int64_t>(i);
      state.notes = &summary_.details;
      for (std::size_t p = 0; p < processors_.size(); ++p) {
        check_interrupted();
        progress.at(static_cast<std::int64_t>(i), processors_[p]->name());
        step(p, i + 1 == model_.blocks.size(), state, rope);
      }
      note_coverage(block);
      if (held_out_ && !block.mtp) held_out_->run(state);
      LaterLinears later(state, ranks_, job_.read_back);
      if (saver != nullptr)
        write_block(state, later, checkpoint_, ends_, model_.dtype, *saver, job_.read_back,
                    summary_);
      else
        later.serve();
      summary_.timeline.push_back({seconds(), private_bytes()});
      // What blocks share is not in the journal.
      const bool shared = i + 1 < model_.blocks.size() && model_.blocks[i + 1].mla &&
                          model_.blocks[i + 1].mla->shares_choice;
      if (!shared) note_progress(i + 1, saver, journal);
    }
    if (head_ != nullptr && saver != nullptr)
      head_result_ = quantize_head(*head_, job_.plan, model_, checkpoint_, states_);
  }

  // Asks the system for the weights of a block, so that they are there when its turn comes.
  void read_ahead(std::size_t block) const {
    if (block >= model_.blocks.size()) {
      checkpoint_.will_need(model_.embedding + ".weight");
      if (!model_.tied) checkpoint_.will_need(model_.head.name + ".weight");
      return;
    }
    std::uint64_t left = CheckpointReader::kReadAhead;
    for (const LinearSpec* linear : model_.blocks[block].linears())
      left -= checkpoint_.will_need(linear->name + ".weight", left);
  }

  void step(std::size_t index, bool last_block, BlockState& state, const RopeTable& rope) {
    Processor& processor = *processors_[index];
    if (processor.stream() != Stream::kQuantized) {
      pass_.note(processor.name());
      float_streams_.step(processor, last_block, state, rope, pass_.workspace());
      return;
    }
    state.samples = &samples_.sequences();
    state.no_more_passes = static_cast<int>(index) > last_data_;
    const std::vector<Tap*> taps = processor.prepare(state);
    const bool carries = static_cast<int>(index) == last_data_ && (!last_block || head_ != nullptr);
    const bool watches = !taps.empty() || !state.active.empty();
    const bool again = carries && processor.runs_again();
    if (processor.learns()) {
      PackedStates outputs = states_;
      pass_.run(processor, state, outputs, true, taps, rope);
      processor.learn(state, processor.learns_behind() ? *behind_ : states_, outputs, rope);
      if (carries) states_ = std::move(outputs);
    } else if (processor.needs_data() && (carries || watches)) {
      pass_.run(processor, state, states_, carries && !again, taps, rope);
    }
    processor.finish(state);
    if (again) pass_.run(processor, state, states_, true, {}, rope);
    if (behind_ && carries) pass_.run(processor, state, *behind_, true, {}, rope);
  }

  void note_coverage(const Block& block) {
    const std::vector<std::int64_t> coverage = pass_.end_block(block);
    if (!coverage.empty() && job_.debug)
      debug_.add("expert_coverage", {{"layer", block.moe->spec->name}}, "tokens",
                 {coverage.begin(), coverage.end()});
    summary_.expert_tokens.insert(summary_.expert_tokens.end(), coverage.begin(), coverage.end());
  }

  bool rewrites_ends() const {
    return !ends_.embedding.empty() || !ends_.head.empty() || head_ != nullptr;
  }

  void write_head(Saver& saver) {
    ++summary_.linears;
    summary_.quantized += head_result_ ? 1 : 0;
    end_writer_.write_head(std::move(head_result_), saver, [&](Head& head) {
      if (held_out_) summary_.proof = held_out_->finish(head);
    });
  }

  const QuantJob& job_;
  FloatModel float_;
  const CheckpointReader& checkpoint_ = float_.checkpoint;
  const ModelSpec& model_ = float_.spec;
  ModelEnds ends_;
  EndWriter end_writer_;
  PriorResult prior_;
  std::vector<std::unique_ptr<Processor>> processors_;
  int last_data_ = -1;
  FloatStreams float_streams_;
  Ranks& ranks_;
  SharedSamples samples_;
  const LinearQuantStep* head_ = nullptr;  // how the head is quantized; null: it stays float
  std::optional<QuantizedLinear> head_result_;
  bool mixed_groups_ = false;
  DebugInfo debug_;
  PackedStates states_;       // this rank's calibration samples in front of the block at work
  std::int64_t longest_ = 1;  // sample, in tokens
  // What the quantized blocks so far make of the calibration set, where a processor learns on it.
  std::optional<PackedStates> behind_;
  NextTokenPass next_token_;
  CalibrationPass pass_;
  std::optional<HeldOutStreams> held_out_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  PeakWatch watch_;
  QuantSummary summary_;
};

}  // namespace

void check_job(const QuantJob& job) {
  if (job.ranks->is_root()) check_output_path(job.save_path, job.model_path, job.overwrite);
  const FloatModel model = open_float_model(job.model_path, job.layers);
  if (model.spec.has_forward()) check_checkpoint(model.spec, model.checkpoint);
  check_plan(job, model.spec);
}

QuantSummary quantize_model(const QuantJob& job) {
  check_ranks(job);
  if (auto summary = quantize_by_tensors(job)) return *summary;
  if (!job.plan.v0 || !job.plan.v0->needs_statistics()) return Run(job).run();
  QuantJob decided = job;
  decide_v0(&decided);
  return Run(decided).run();
}

}  // namespace msmodelslim
