#include "pipeline/float_streams.h"

#include <algorithm>

namespace msmodelslim {

void FloatStreams::add(const Processor& processor) {
  if (processor.stream() != Stream::kQuantized) last_[processor.stream()] = &processor;
}

std::int64_t FloatStreams::start(const ModelSpec& model, const CheckpointReader& checkpoint,
                                 const std::vector<std::vector<std::int32_t>>& calibration,
                                 const std::vector<std::vector<std::int32_t>>& anti,
                                 const std::string& scratch) {
  model_ = &model;
  std::int64_t longest = 1;
  for (const auto& [stream, processor] : last_) {
    const bool own = stream == Stream::kAnti && !anti.empty();
    PackedStates& states = states_[stream];
    states = embed_samples(model, checkpoint, own ? anti : calibration, scratch);
    for (const Sequence& s : states.sequences) longest = std::max(longest, s.rows);
  }
  return longest;
}

void FloatStreams::step(Processor& processor, bool last_block, BlockState& state,
                        const RopeTable& rope, Workspace& workspace) {
  PackedStates& states = states_.at(processor.stream());
  state.samples = &states.sequences;
  const std::vector<Tap*> taps = processor.prepare(state);
  const bool carries = last_.at(processor.stream()) == &processor && !last_block;
  if (carries || !taps.empty()) {
    FloatLinearOp op(model_->dtype);
    run_block_on(*model_, *state.block, states, carries, rope, op, taps, workspace);
  }
  processor.finish(state);
}

std::vector<NamedValues> FloatStreams::values() {
  std::vector<NamedValues> all;
  for (auto& [stream, states] : states_)
    all.push_back({stream == Stream::kFloat ? "float" : "anti", &states.values});
  return all;
}

std::int64_t FloatStreams::tokens() const {
  std::int64_t most = 0;
  for (const auto& [stream, states] : states_) most = std::max(most, states.rows);
  return most;
}

}  // namespace msmodelslim
