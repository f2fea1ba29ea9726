#pragma once
// The float model, block by block, for whoever measures on it: CalibrationPass with what it needs.

#include <memory>
#include <string>
#include <vector>

#include "base/progress.h"
#include "pipeline/calibration_pass.h"

namespace msmodelslim {

class ModelWalk {
 public:
  // Throws DataError for a folder that is no model, or one that has no forward pass here.
  explicit ModelWalk(const std::string& model_path);
  ModelWalk(const ModelWalk&) = delete;
  ModelWalk& operator=(const ModelWalk&) = delete;
  const ModelSpec& model() const { return model_; }
  const CheckpointReader& checkpoint() const { return checkpoint_; }
  // Blocks are from here on as the plan's processors, which only suppress outliers, leave them: the
  // same float model, but easier to quantize. Once, before begin().
  void suppress(const Plan& plan, const std::string& pedigree,
                const std::vector<std::vector<std::int32_t>>& calibration);
  // Applies that to a block, one after the other from the first.
  void prepare(Block& block, std::size_t index);
  // Final norm and head of the model as it is then.
  Head head() const;
  // From here on passes are of these samples.
  PackedStates begin(const std::vector<std::vector<std::int32_t>>& samples);
  // `states` are in front of a block behind the last decoder for the first time.
  void enter_next_token(const Block& block, const PackedStates& states);
  // Through the block as `state` has it: linears that are done compute quantized.
  void pass(BlockState& state, PackedStates& states, bool update,
            const std::vector<Tap*>& taps = {});
  // The same with an operation of one's own; the states become the outputs.
  void run(Block& block, LinearOp& op, PackedStates& states, KvOp* kv_op = nullptr);
  // The same for taps and the operation alone: the states stay.
  void look(Block& block, LinearOp& op, const PackedStates& states, const std::vector<Tap*>& taps);
  // The block is done; what of the checkpoint it has read need not stay in memory.
  void end_block(const Block& block);
  const RopeTable& rope() const { return *rope_; }
  Workspace& workspace() { return pass_.workspace(); }

 private:
  QuantJob job_;
  CheckpointReader checkpoint_;
  ModelSpec model_;
  ModelEnds ends_;
  NextTokenPass next_token_;
  CalibrationPass pass_;
  std::vector<std::vector<std::int32_t>> samples_;
  Plan plan_;  // of suppress()
  std::vector<std::unique_ptr<Processor>> suppressors_;
  std::vector<std::vector<std::int32_t>> calibration_;
  PackedStates calibration_states_;  // in front of the next block to prepare
  Tensor head_weight_;               // where it is not the checkpoint's
  std::unique_ptr<RopeTable> rope_;
};

}  // namespace msmodelslim
