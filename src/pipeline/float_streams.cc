#include "pipeline/float_streams.h"

#include <algorithm>

namespace msmodelslim {

void FloatStreams::add(const Processor& processor) {
  if (processor.stream() != Stream::kQuantized) last_[processor.stream()] = &processor;
}

std::int64_t FloatStreams::start(const ModelSpec& model, const CheckpointReader& checkpoint,
                                 const std::vector<std::vector<std::int32_t>>& calibration,
                                 const std::vector<std::vector<std::int32_t>>& anti,
                                 const std::string& scratch, bool passes) {
  model_ = &model;
  std::int64_t longest = 1;
  for (const auto& [stream, processor] : last_) {
    const auto& samples = stream == Stream::kAnti && !anti.empty() ? anti : calibration;
    PackedStates& states = states_[stream];
    if (passes) {
      states = embed_samples(model, checkpoint, samples, scratch);
    } else {
      for (const auto& ids : samples) {
        states.sequences.push_back({states.rows, static_cast<std::int64_t>(ids.size())});
        states.rows += states.sequences.back().rows;
      }
    }
    for (const Sequence& s : states.sequences) longest = std::max(longest, s.rows);
  }
  return longest;
}

const std::vector<Sequence>& FloatStreams::samples(const Processor& processor) const {
  return states_.at(processor.stream()).sequences;
}

void FloatStreams::pass(const Processor& processor, bool last_block, BlockState& state,
                        const std::vector<Tap*>& taps, const RopeTable& rope,
                        Workspace& workspace) {
  const bool carries = last_.at(processor.stream()) == &processor && !last_block;
  if (!carries && taps.empty()) return;
  FloatLinearOp op(model_->dtype);
  run_block_on(*model_, *state.block, states_.at(processor.stream()), carries, rope, op, taps,
               workspace);
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
