#include "advise/model_walk.h"

#include <algorithm>

#include "base/interrupt.h"
#include "checkpoint/source.h"
#include "model/build.h"
#include "model/check_checkpoint.h"
#include "pipeline/block_writer.h"

namespace msmodelslim {
namespace {

// Who asks for the passes.
class Analysis : public Processor {
 public:
  const char* name() const override { return "analyze"; }
  bool needs_data() const override { return true; }
  std::vector<Tap*> prepare(BlockState&) override { return {}; }
  void finish(BlockState&) override {}
};

}  // namespace

ModelWalk::ModelWalk(const std::string& model_path)
    : checkpoint_(open_source(model_path)),
      model_(build_model_spec(ModelConfig::read(model_path), checkpoint_)),
      ends_(Norm(model_.final_norm, checkpoint_)),
      next_token_(model_, checkpoint_, ends_),
      pass_(job_, model_, next_token_) {
  check_checkpoint(model_, checkpoint_);
}

void ModelWalk::suppress(const Plan& plan, const std::string& pedigree,
                         const std::vector<std::vector<std::int32_t>>& calibration) {
  plan_ = plan;
  calibration_ = calibration;
  ProcessorContext context;
  context.model = &model_;
  context.pedigree = pedigree;
  for (const Step& step : plan_.steps) {
    suppressors_.push_back(make_processor(step, plan_, context));
    suppressors_.back()->begin(ends_);
  }
  if (!ends_.head.empty())
    head_weight_ = rewritten(Head(model_, checkpoint_).linear().source(), ends_.head);
}

void ModelWalk::prepare(Block& block, std::size_t index) {
  if (suppressors_.empty()) return;
  BlockState state;
  state.block = &block;
  state.index = static_cast<std::int64_t>(index);
  state.samples = &calibration_states_.sequences;
  for (const auto& suppressor : suppressors_) {
    const std::vector<Tap*> taps = suppressor->prepare(state);
    if (!taps.empty()) pass(state, calibration_states_, false, taps);
    suppressor->finish(state);
  }
  pass(state, calibration_states_, true);
}

Head ModelWalk::head() const {
  Head head(model_, checkpoint_);
  if (!ends_.head.empty()) head.linear() = Linear(model_.head, head_weight_.view());
  head.norm() = ends_.final_norm;
  head.set_hyper(ends_.head_hyper(model_, checkpoint_));
  return head;
}

PackedStates ModelWalk::begin(const std::vector<std::vector<std::int32_t>>& samples) {
  samples_ = samples;
  std::size_t longest = 1;
  for (const auto& sample : samples) longest = std::max(longest, sample.size());
  for (const auto& sample : calibration_) longest = std::max(longest, sample.size());
  rope_ = std::make_unique<RopeTable>(model_.rope, static_cast<std::int64_t>(longest));
  const auto embedded = [&](const std::vector<std::vector<std::int32_t>>& set) {
    PackedStates states = embed_samples(model_, checkpoint_, set);
    ends_.rewrite_states(model_, states.values.data(), states.rows);
    return states;
  };
  if (!suppressors_.empty()) calibration_states_ = embedded(calibration_);
  return embedded(samples);
}

void ModelWalk::enter_next_token(const Block& block, const PackedStates& states) {
  if (block.mtp && !next_token_.begun()) next_token_.begin(samples_, states);
}

void ModelWalk::pass(BlockState& state, PackedStates& states, bool update,
                     const std::vector<Tap*>& taps) {
  check_interrupted();
  pass_.run(Analysis(), state, states, update, taps, *rope_);
}

void ModelWalk::run(Block& block, LinearOp& op, PackedStates& states, KvOp* kv_op) {
  check_interrupted();
  if (block.mtp) states = next_token_.enter(*block.mtp, states, op, {}, workspace());
  run_block_on(model_, block, states, true, *rope_, op, {}, workspace(), kv_op);
}

void ModelWalk::look(Block& block, LinearOp& op, const PackedStates& states,
                     const std::vector<Tap*>& taps) {
  check_interrupted();
  PackedStates in =
      block.mtp ? next_token_.enter(*block.mtp, states, op, taps, workspace()) : states;
  run_block_on(model_, block, in, false, *rope_, op, taps, workspace());
}

void ModelWalk::end_block(const Block& block) {
  pass_.end_block(block);
  for (const LinearSpec* linear : block.spec->linears())
    checkpoint_.dont_need(linear->name + ".weight");
}

}  // namespace msmodelslim
