#include "pipeline/held_out.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "kernels/log_softmax.h"

namespace msmodelslim {
namespace {

std::int64_t longest(const std::vector<std::vector<std::int32_t>>& sequences) {
  std::size_t most = 1;
  for (const auto& ids : sequences) most = std::max(most, ids.size());
  return static_cast<std::int64_t>(most);
}

// Linears as `state` leaves them. What is quantized only when it is written is quantized here for
// this one product, so that not all experts of a block are in memory at once.
class QuantizedOp : public LinearOp {
 public:
  QuantizedOp(BlockState& state, DType dtype) : state_(state), dtype_(dtype) {}
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override {
    CalibrationOp op(dtype_);
    QuantizedLinear made;
    if (const auto later = state_.later.find(linear.name()); later != state_.later.end()) {
      made = later->second();
      op.add(linear.name(), &made);
    } else if (const auto done = state_.done.find(linear.name()); done != state_.done.end()) {
      op.add(linear.name(), &done->second);
    }
    op.apply(linear, x, rows, sequences, y);
  }

 private:
  BlockState& state_;
  DType dtype_;
};

// The checkpoint's linears, without copies that stay.
class OriginalOp : public LinearOp {
 public:
  explicit OriginalOp(DType dtype) : dtype_(dtype) {}
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override {
    apply_each({{&linear, y}}, x, rows, sequences);
  }
  void apply_each(const std::vector<Part>& parts, const float* x, std::int64_t rows,
                  const std::vector<Sequence>& sequences) override {
    FloatLinearOp(dtype_).apply_each(parts, x, rows, sequences);
    for (const Part& part : parts) part.linear->release();
  }

 private:
  DType dtype_;
};

// `sequences`: the predictions of each follow each other, all but that of its first token.
std::vector<WorstPrediction> worst_predictions(
    const PredictionScores& scores, const std::vector<std::vector<std::int32_t>>& sequences) {
  std::vector<WorstPrediction> all;
  for (std::size_t s = 0; s < sequences.size(); ++s)
    for (std::size_t position = 1; position < sequences[s].size(); ++position) {
      const std::size_t i = all.size();
      all.push_back({static_cast<std::int64_t>(s), static_cast<std::int64_t>(position),
                     scores.kl[i], std::exp(-scores.reference_nll[i]), std::exp(-scores.nll[i])});
    }
  std::stable_sort(all.begin(), all.end(),
                   [](const WorstPrediction& a, const WorstPrediction& b) { return a.kl > b.kl; });
  all.resize(std::min(all.size(), HeldOutStreams::kWorst));
  return all;
}

}  // namespace

HeldOutStreams::HeldOutStreams(const ModelSpec& model, const CheckpointReader& checkpoint,
                               std::vector<std::vector<std::int32_t>> sequences,
                               const ModelEnds& ends, const std::string& scratch)
    : model_(model),
      checkpoint_(checkpoint),
      sequences_(std::move(sequences)),
      ends_(ends),
      float_states_(embed_samples(model, checkpoint, sequences_, scratch)),
      states_(float_states_),
      rope_(model.rope, longest(sequences_)) {
  ends.rewrite_states(model, states_.values.data(), states_.rows);
}

void HeldOutStreams::run(BlockState& state) {
  Block original(*state.block->spec, checkpoint_);
  OriginalOp float_op(model_.dtype);
  run_block_on(model_, original, float_states_, true, rope_, float_op, {}, workspace_);
  QuantizedOp op(state, model_.dtype);
  std::optional<Int8KvOp> kv_op;
  if (state.kv_cache) kv_op.emplace(*state.kv_cache);
  run_block_on(model_, *state.block, states_, true, rope_, op, {}, workspace_,
               kv_op ? &*kv_op : nullptr);
  errors_.push_back(block_error());
}

std::vector<NamedValues> HeldOutStreams::values() {
  return {{"held_out.float", &float_states_.values}, {"held_out", &states_.values}};
}

double HeldOutStreams::block_error() const {
  FloatBuffer h = float_states_.values;
  ends_.rewrite_states(model_, h.data(), float_states_.rows);
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < h.size(); ++i) {
    // The last value of a row of several streams is the number of its token.
    if (model_.head_hyper && (i + 1) % static_cast<std::size_t>(model_.stream) == 0) continue;
    const double a = h[i];
    const double d = static_cast<double>(states_.values[i]) - a;
    difference += d * d;
    size += a * a;
  }
  return size > 0 ? std::sqrt(difference / size) : 0;
}

HeldOutProof HeldOutStreams::finish(Head& quantized) {
  Head original(model_, checkpoint_);
  std::vector<float> normed(static_cast<std::size_t>(kLogitRows * model_.hidden));
  std::vector<float> mine(static_cast<std::size_t>(kLogitRows * model_.vocab));
  std::vector<float> theirs(mine.size());
  const auto predict = [&](Head& head, const PackedStates& states, std::int64_t begin,
                           std::int64_t rows, std::vector<float>& out) {
    head.run_in_tiles(states.values.data() + begin * model_.stream, rows, model_.dtype,
                      normed.data(), out.data());
    parallel_for(rows,
                 [&](std::int64_t r) { log_softmax(out.data() + r * model_.vocab, model_.vocab); });
  };
  PredictionScores scores;
  HeldOutProof proof;
  for (std::size_t s = 0; s < sequences_.size(); ++s) {
    const Sequence& sequence = states_.sequences[s];
    for (std::int64_t at = 0; at + 1 < sequence.rows; at += kLogitRows) {
      const std::int64_t rows = std::min(kLogitRows, sequence.rows - 1 - at);
      predict(original, float_states_, sequence.begin + at, rows, theirs);
      predict(quantized, states_, sequence.begin + at, rows, mine);
      scores.add(mine.data(), theirs.data(), sequences_[s].data() + at + 1, rows, model_.vocab);
    }
  }
  proof.sequences = static_cast<std::int64_t>(sequences_.size());
  proof.tokens = states_.rows;
  proof.float_perplexity = std::exp(mean_error(scores.reference_nll).mean);
  proof.perplexity = std::exp(mean_error(scores.nll).mean);
  proof.kl = mean_error(scores.kl);
  proof.top1_agreement = static_cast<double>(scores.same) / static_cast<double>(scores.kl.size());
  proof.block_errors = errors_;
  proof.worst = worst_predictions(scores, sequences_);
  return proof;
}

}  // namespace msmodelslim
