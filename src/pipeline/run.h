#pragma once
// One recipe on its way through the model: begin(), every block() in order, end(), publish(). Runs
// of several recipes go through a block one after the other (quantize_model.cc); a run can be given
// what the passes of another have gathered, or a file.

#include <chrono>
#include <optional>

#include "base/output_folder.h"
#include "base/progress.h"
#include "base/usage.h"
#include "model/float_model.h"
#include "pipeline/calibration_pass.h"
#include "pipeline/end_writer.h"
#include "pipeline/float_streams.h"
#include "pipeline/gathered.h"
#include "pipeline/journal.h"
#include "pipeline/processor.h"
#include "pipeline/shared_samples.h"
#include "save/saver.h"

namespace msmodelslim {

class Run {
 public:
  // `job` and `model`, which the job names, must outlive the object. With job.no_passes every
  // block() and end() has to be given what is gathered.
  Run(const QuantJob& job, const FloatModel& model);

  // Makes the folder at work and what passes through the blocks. `may_go_on`: whether an unfinished
  // run of the same command that has done so many blocks may be continued. Collective.
  void begin(const std::function<bool(std::size_t)>& may_go_on);
  std::size_t next_block() const { return static_cast<std::size_t>(summary_.resumed_blocks); }
  std::int64_t rows() const { return samples_.rows(); }

  // `given`: null unless job.no_passes. `gathered`: filled in unless null.
  void block(std::size_t index, Progress& progress, const GatheredView* given,
             GatheredBlock* gathered);
  // Whether it is time to note what is done, which note() does behind so many blocks. Collective.
  bool due();
  void note(std::size_t next_block);
  // Behind the last block: the rest of the folder. Of what is gathered, pass 0 is the head's.
  void end(const GatheredView* given, GatheredBlock* gathered);
  void publish();
  // What was noted stays for the same command. False: nothing was.
  bool keep_folder();
  std::string working() const { return folder_->working(); }
  QuantSummary summary();

 private:
  double seconds() const;
  void start_states();
  std::vector<NamedValues> live_values(FloatBuffer& states);
  Json state(std::size_t next_block);
  void resume();
  Json shared_state(const Json& read, FloatBuffer& whole);
  void join_samples();
  void count_traffic();
  void read_ahead(std::size_t block) const;
  void step(std::size_t index, bool last_block, BlockState& state, const GatheredView* given,
            GatheredBlock* gathered);
  void take(std::size_t index, BlockState& state, const std::vector<Tap*>& taps,
            const GatheredView& given);
  void note_coverage(const Block& block, GatheredBlock* gathered);
  bool rewrites_ends() const;
  bool has_states() const { return last_data_ >= 0 && !job_.no_passes; }

  const QuantJob& job_;
  const FloatModel& float_;
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
  std::optional<RopeTable> rope_;
  // What the quantized blocks so far make of the calibration set, where a processor learns on it.
  std::optional<PackedStates> behind_;
  NextTokenPass next_token_;
  CalibrationPass pass_;
  std::optional<HeldOutStreams> held_out_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  PeakWatch watch_;
  QuantSummary summary_;
  // Of rank 0; null elsewhere.
  std::unique_ptr<OutputFolder> folder_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Saver> saver_;
};

}  // namespace msmodelslim
