#pragma once
// Passes of the calibration set through the block at work, as it is up to now: linears that are
// quantized already compute so. Experts with too few tokens are seen to (expert_fallback.h).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/expert_fallback.h"
#include "pipeline/next_token_pass.h"
#include "pipeline/processor.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {

class CalibrationPass {
 public:
  CalibrationPass(const QuantJob& job, const ModelSpec& model, const NextTokenPass& next_token)
      : job_(job), model_(model), next_token_(next_token) {}

  // The states of the passes are this rank's share of the samples from here on, or all of them.
  void share(bool shared) { shared_ = shared; }
  // A pass that `reason` asks for; `update`: `states` becomes the block's output.
  void run(const Processor& reason, BlockState& state, PackedStates& states, bool update,
           const std::vector<Tap*>& taps, const RopeTable& rope);
  // Instead of run(): the experts got so many tokens in a pass that another run has made.
  void take(const Processor& reason, BlockState& state, const std::vector<Tap*>& taps,
            const std::vector<std::int64_t>& expert_tokens);
  // A pass that is run elsewhere, for the log.
  void note(const char* reason) { passes_.emplace_back(reason); }
  // The block is done: logs the passes and how its experts were used, of which it returns the
  // tokens (empty: no pass, or no experts).
  std::vector<std::int64_t> end_block(const Block& block);
  Workspace& workspace() { return workspace_; }

 private:
  void pass(BlockState& state, PackedStates& states, bool update, const std::vector<Tap*>& taps,
            const RopeTable& rope, const ExpertCompletion* completion);
  // Runs the chunks of this rank, then tells the taps and the quantizers what the others have seen.
  void shared_pass(BlockState& state, PackedStates& states, bool update,
                   const std::vector<Tap*>& taps, const RopeTable& rope,
                   const std::vector<LinearQuantizer*>& quantizers, LinearOp& op, KvOp* kv_op,
                   const ExpertCompletion* completion);
  // Whom nobody shows enough tokens; without data they need none. None: nothing is to be done.
  std::optional<ExpertCompletion> starved(const Processor& reason, BlockState& state,
                                          const std::vector<Tap*>& taps);
  void complete_experts(const Processor& reason, BlockState& state, PackedStates& states,
                        const std::vector<Tap*>& taps, const RopeTable& rope);

  const QuantJob& job_;
  const ModelSpec& model_;
  const NextTokenPass& next_token_;
  bool shared_ = false;
  Workspace workspace_;
  std::vector<std::int64_t> coverage_;  // tokens of each expert of the block at work
  std::vector<std::string> passes_;     // of the block at work: who asked for each
};

}  // namespace msmodelslim
