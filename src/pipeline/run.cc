#include "pipeline/run.h"

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "model/check_checkpoint.h"
#include "pipeline/block_writer.h"
#include "pipeline/engine_keys.h"
#include "pipeline/fingerprint.h"
#include "pipeline/head_quant.h"
#include "pipeline/linear_notes.h"
#include "pipeline/make_saver.h"
#include "pipeline/v0_save.h"
#include "save/copy_files.h"
#include "save/verify.h"

namespace msmodelslim {
namespace {

Bytes yes() { return {std::byte{1}}; }

}  // namespace

Run::Run(const QuantJob& job, const FloatModel& model)
    : job_(job),
      float_(model),
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
  end_writer_.check_rotation();
  for (std::size_t i = 0; i < processors_.size(); ++i)
    if (processors_[i]->stream() == Stream::kQuantized && processors_[i]->needs_data())
      last_data_ = static_cast<int>(i);
  for (const auto& processor : processors_) float_streams_.add(*processor);
  head_ = head_step(job.plan, job.exclude, model_);
}

double Run::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

QuantSummary Run::summary() {
  if (!ranks_.is_root()) return {};
  summary_.folder = folder_->final_path();
  summary_.bytes_before = checkpoint_.total_bytes();
  summary_.wall_seconds = seconds();
  summary_.cpu_seconds = cpu_seconds();
  summary_.disk_reads = disk_reads();
  summary_.peak_bytes = watch_.peak();
  return summary_;
}

void Run::begin(const std::function<bool(std::size_t)>& may_go_on) {
  bool goes_on = false;
  if (ranks_.is_root()) {
    const Json print = fingerprint(job_);
    folder_ = std::make_unique<OutputFolder>(
        job_.save_path, job_.model_path, job_.overwrite, [&](const std::string& working) {
          const Journal left(working, print, 0);
          goes_on = !job_.restart && left.found() && !job_.debug && may_go_on(left.next_block());
          return goes_on;
        });
    journal_ = std::make_unique<Journal>(folder_->working(), print, job_.journal_pause);
    if (!job_.recipe_file.empty())
      write_file_atomic(folder_->file(job_.recipe_file), job_.recipe_text);
    copy_model_files(job_.model_path, folder_->working(), rewrites_ends());
    if (job_.plan.v0) mark_config(*job_.plan.v0, job_.layers, folder_->working());
    saver_ = make_saver(job_, model_, folder_->working());
  }
  start_states();
  goes_on = ranks_.broadcast_message(0, goes_on ? yes() : Bytes()) == yes();
  if (goes_on)
    explain_damage([&] { resume(); });
  else if (saver_ != nullptr && job_.plan.v0)
    end_writer_.write_embedding(*saver_);
  rope_.emplace(model_.rope, longest_);
}

void Run::end(const GatheredView* given, GatheredBlock* gathered) {
  count_traffic();
  if (saver_ == nullptr) return;
  if (head_ != nullptr)
    head_result_ = quantize_head(*head_, job_.plan, model_, checkpoint_, states_, given, gathered);
  if (!job_.plan.v0) end_writer_.write_embedding(*saver_);
  ++summary_.linears;
  summary_.quantized += head_result_ ? 1 : 0;
  end_writer_.write_head(std::move(head_result_), *saver_, [&](Head& head) {
    if (held_out_) summary_.proof = held_out_->finish(head);
  });
  end_writer_.write_extra_tensors(*saver_);
  saver_->finish();
  note_engine_keys(job_, model_, folder_->working());
  if (job_.debug) debug_.write(folder_->working());
  if (job_.read_back) require_sound(folder_->working(), saver_->problems(model_, mixed_groups_));
  summary_.bytes_after = saver_->total_bytes();
  summary_.tensors_hash = saver_->tensors_hash();
  summary_.write_wait_seconds = saver_->write_wait_seconds();
}

void Run::publish() {
  if (folder_ != nullptr) folder_->publish();
}

bool Run::keep_folder() {
  if (journal_ == nullptr || !journal_->saved()) return false;
  folder_->keep();
  return true;
}

// Embeds what passes through the blocks.
void Run::start_states() {
  if (const std::string reason = reason_for_whole_set(job_.plan, model_);
      !ranks_.alone() && last_data_ >= 0 && !reason.empty())
    log_info("quant", "{} ranks, each of which computes the whole calibration set: {} needs it",
             ranks_.size(), reason);
  if (has_states()) {
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
    if (last_data_ >= 0) summary_.calibration_tokens = samples_.rows();
  }
  longest_ =
      std::max(longest_, float_streams_.start(model_, checkpoint_, job_.samples, job_.anti_samples,
                                              job_.scratch, !job_.no_passes));
  summary_.calibration_tokens = std::max(summary_.calibration_tokens, float_streams_.tokens());
  if (!job_.held_out.empty() && ranks_.is_root())
    held_out_.emplace(model_, checkpoint_, job_.held_out, ends_, job_.scratch);
  const bool behind = std::any_of(processors_.begin(), processors_.end(),
                                  [](const auto& p) { return p->learns_behind(); });
  if (behind) behind_ = states_;
}

// `states`: of the whole calibration set.
std::vector<NamedValues> Run::live_values(FloatBuffer& states) {
  std::vector<NamedValues> values = {{"states", &states}};
  if (behind_) values.push_back({"behind", &behind_->values});
  for (const NamedValues& value : float_streams_.values()) values.push_back(value);
  if (held_out_)
    for (const NamedValues& value : held_out_->values()) values.push_back(value);
  return values;
}

Json Run::state(std::size_t next_block) {
  Json generators = Json::array();
  for (const auto& processor : processors_) {
    std::ostringstream text;
    if (processor->generator() != nullptr) text << *processor->generator();
    generators.push_back(text.str());
  }
  return {{"next_block", next_block},
          {"saver", saver_->state()},
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

// Goes on where the run of the journal was, which rank 0 reads.
void Run::resume() {
  Json state;
  FloatBuffer whole(job_.scratch);
  if (ranks_.is_root()) {
    if (samples_.split()) whole.reset(static_cast<std::size_t>(samples_.rows() * states_.width));
    state = journal_->read(live_values(samples_.split() ? whole : states_.values));
    saver_->resume(state.at("saver"));
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
Json Run::shared_state(const Json& read, FloatBuffer& whole) {
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
void Run::join_samples() {
  samples_.join();
  pass_.share(false);
}

bool Run::due() {
  bool due = journal_ != nullptr && !job_.debug && journal_->due();
  ranks_.broadcast(0, &due, sizeof(due));
  return due;
}

void Run::note(std::size_t next_block) {
  FloatBuffer whole;
  if (samples_.split()) whole = samples_.at_root(states_, job_.scratch);
  if (journal_ != nullptr)
    journal_->save(
        static_cast<std::int64_t>(next_block) - 1, [&] { return state(next_block); },
        live_values(samples_.split() ? whole : states_.values));
}

// What the ranks have sent each other.
void Run::count_traffic() {
  ByteWriter writer;
  writer.value(ranks_.bytes_sent());
  for (const Bytes& message : ranks_.gather(writer.take()))
    summary_.bytes_exchanged += ByteReader(message).value<std::uint64_t>();
}

void Run::block(std::size_t index, Progress& progress, const GatheredView* given,
                GatheredBlock* gathered) {
  Block block(model_.blocks[index], checkpoint_);
  read_ahead(index + 1);
  if (block.mtp && has_states() && !next_token_.begun()) {
    if (samples_.split()) {
      states_ = samples_.whole(states_, job_.scratch);
      join_samples();
    }
    next_token_.begin(job_.samples, states_);
  }
  BlockState state;
  state.block = &block;
  state.index = static_cast<std::int64_t>(index);
  state.notes = &summary_.details;
  const std::string title = job_.beside.empty() ? "" : job_.plan.config_id + ": ";
  for (std::size_t p = 0; p < processors_.size(); ++p) {
    check_interrupted();
    progress.at(static_cast<std::int64_t>(index), title + processors_[p]->name());
    step(p, index + 1 == model_.blocks.size(), state, given, gathered);
  }
  note_coverage(block, gathered);
  if (held_out_ && !block.mtp) held_out_->run(state);
  LaterLinears later(state, ranks_, job_.read_back);
  if (saver_ != nullptr)
    write_block(state, later, checkpoint_, ends_, model_.dtype, *saver_, job_.read_back, summary_);
  else
    later.serve();
  summary_.timeline.push_back({seconds(), private_bytes()});
}

// Asks the system for the weights of a block, so that they are there when its turn comes.
void Run::read_ahead(std::size_t block) const {
  if (block >= model_.blocks.size()) {
    checkpoint_.will_need(model_.embedding + ".weight");
    if (!model_.tied) checkpoint_.will_need(model_.head.name + ".weight");
    return;
  }
  std::uint64_t left = CheckpointReader::kReadAhead;
  for (const LinearSpec* linear : model_.blocks[block].linears())
    left -= checkpoint_.will_need(linear->name + ".weight", left);
}

void Run::step(std::size_t index, bool last_block, BlockState& state, const GatheredView* given,
               GatheredBlock* gathered) {
  Processor& processor = *processors_[index];
  const bool floats = processor.stream() != Stream::kQuantized;
  state.samples = floats ? &float_streams_.samples(processor) : &samples_.sequences();
  if (!floats) state.no_more_passes = static_cast<int>(index) > last_data_;
  const std::vector<Tap*> taps = processor.prepare(state);
  const bool watches = !taps.empty() || !state.active.empty();
  if (job_.no_passes) {
    if (processor.needs_data() && watches) take(index, state, taps, *given);
    processor.finish(state);
    return;
  }
  const auto keep = [&] {
    if (gathered != nullptr && processor.needs_data() && watches)
      gathered->passes[index] = gather(taps, state);
  };
  if (floats) {
    pass_.note(processor.name());
    float_streams_.pass(processor, last_block, state, taps, *rope_, pass_.workspace());
    keep();
    processor.finish(state);
    return;
  }
  const bool carries = static_cast<int>(index) == last_data_ && (!last_block || head_ != nullptr);
  const bool again = carries && processor.runs_again();
  if (processor.learns()) {
    PackedStates outputs = states_;
    pass_.run(processor, state, outputs, true, taps, *rope_);
    processor.learn(state, processor.learns_behind() ? *behind_ : states_, outputs, *rope_);
    if (carries) states_ = std::move(outputs);
  } else if (processor.needs_data() && (carries || watches)) {
    pass_.run(processor, state, states_, carries && !again, taps, *rope_);
  }
  keep();
  processor.finish(state);
  if (again) pass_.run(processor, state, states_, true, {}, *rope_);
  if (behind_ && carries) pass_.run(processor, state, *behind_, true, {}, *rope_);
}

// What a pass of another run has gathered for this entry.
void Run::take(std::size_t index, BlockState& state, const std::vector<Tap*>& taps,
               const GatheredView& given) {
  const auto pass = given.passes.find(index);
  if (pass == given.passes.end())
    throw DataError(fmt::format("{}: the statistics have nothing for entry {} of the recipe",
                                state.block->spec->name, index + 1),
                    "make them again with --stats_out");
  if (processors_[index]->stream() == Stream::kQuantized)
    pass_.take(*processors_[index], state, taps, given.expert_tokens);
  give(pass->second, taps, state);
}

void Run::note_coverage(const Block& block, GatheredBlock* gathered) {
  const std::vector<std::int64_t> coverage = pass_.end_block(block);
  if (gathered != nullptr) gathered->expert_tokens = coverage;
  if (!coverage.empty() && job_.debug)
    debug_.add("expert_coverage", {{"layer", block.moe->spec->name}}, "tokens",
               {coverage.begin(), coverage.end()});
  summary_.expert_tokens.insert(summary_.expert_tokens.end(), coverage.begin(), coverage.end());
}

bool Run::rewrites_ends() const {
  return !ends_.embedding.empty() || !ends_.head.empty() || head_ != nullptr;
}

}  // namespace msmodelslim
