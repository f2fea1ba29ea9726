#pragma once
// The calibration set on its way into next-token-prediction layers: the tokens move up by one, the
// last is the one that the model itself predicts.
//
// What we do differently (docs/differences.md): the first token goes, not the first with id 0, and
// positions keep their order.

#include "pipeline/processor.h"

namespace msmodelslim {

class NextTokenPass {
 public:
  // `ends`: as the processors left them. `scratch`: see FloatBuffer.
  NextTokenPass(const ModelSpec& model, const CheckpointReader& checkpoint, const ModelEnds& ends,
                std::string scratch = "")
      : model_(model), checkpoint_(checkpoint), ends_(ends), scratch_(std::move(scratch)) {}

  // `states`: behind the last decoder, of `samples`.
  void begin(const std::vector<std::vector<std::int32_t>>& samples, const PackedStates& states);
  bool begun() const { return !next_.empty(); }
  // The token behind each sample, empty before begin(); and begin() with what next() gave.
  const std::vector<std::int32_t>& next() const { return next_; }
  void begin(const std::vector<std::vector<std::int32_t>>& samples, std::vector<std::int32_t> next);
  // What the layer's block reads.
  PackedStates enter(Mtp& mtp, const PackedStates& states, LinearOp& op,
                     const std::vector<Tap*>& taps, Workspace& workspace) const;

 private:
  std::vector<std::int32_t> predictions(const PackedStates& states) const;
  const ModelSpec& model_;
  const CheckpointReader& checkpoint_;
  const ModelEnds& ends_;
  std::string scratch_;
  std::vector<std::int32_t> next_;
  PackedStates embedded_;  // of the next tokens
};

}  // namespace msmodelslim
