#include "pipeline/next_token_pass.h"

#include <algorithm>
#include <limits>

#include "forward/hyper.h"
#include "forward/next_token.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"

namespace msmodelslim {

// The likeliest token behind each sample, by the head as it will be written.
std::vector<std::int32_t> NextTokenPass::predictions(const PackedStates& states) const {
  const auto count = static_cast<std::int64_t>(states.sequences.size());
  const std::int64_t width = model_.hidden;
  std::vector<float> ends(static_cast<std::size_t>(count * states.width));
  for (std::int64_t i = 0; i < count; ++i) {
    const Sequence& s = states.sequences[static_cast<std::size_t>(i)];
    std::copy_n(states.values.data() + (s.begin + s.rows - 1) * states.width, states.width,
                ends.data() + i * states.width);
  }
  std::vector<float> last(static_cast<std::size_t>(count * width));
  if (const auto hyper = ends_.head_hyper(model_, checkpoint_)) {
    Workspace ws;
    join_streams(*hyper, ends.data(), states.width, width, count, last.data(), ws);
  } else {
    last = std::move(ends);
  }
  rms_norm(last.data(), ends_.final_norm.weight.data(), ends_.final_norm.bias_or_null(),
           static_cast<float>(ends_.final_norm.spec.eps), last.data(), count, width);
  const TensorView head =
      checkpoint_.at((model_.tied ? model_.embedding : model_.head.name) + ".weight");
  const std::size_t row_bytes = static_cast<std::size_t>(width) * dtype_size(head.dtype);
  constexpr std::int64_t kRows = 1024;
  std::vector<float> tile(static_cast<std::size_t>(kRows * width));
  std::vector<float> logits(static_cast<std::size_t>(kRows * count));
  std::vector<std::int32_t> best(static_cast<std::size_t>(count));
  std::vector<float> highest(best.size(), -std::numeric_limits<float>::infinity());
  for (std::int64_t begin = 0; begin < model_.vocab; begin += kRows) {
    const std::int64_t rows = std::min(kRows, model_.vocab - begin);
    to_f32(
        TensorView{
            head.dtype, {rows, width}, head.bytes + static_cast<std::size_t>(begin) * row_bytes},
        tile.data());
    for (const auto& rewrite : ends_.head) rewrite(tile.data(), rows);
    matmul_nt(last.data(), width, tile.data(), width, logits.data(), rows, count, rows, width);
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t t = 0; t < rows; ++t) {
        const float value = logits[static_cast<std::size_t>(i * rows + t)];
        if (!(value > highest[static_cast<std::size_t>(i)])) continue;
        highest[static_cast<std::size_t>(i)] = value;
        best[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(begin + t);
      }
  }
  return best;
}

void NextTokenPass::begin(const std::vector<std::vector<std::int32_t>>& samples,
                          const PackedStates& states) {
  begin(samples, predictions(states));
}

void NextTokenPass::begin(const std::vector<std::vector<std::int32_t>>& samples,
                          std::vector<std::int32_t> next) {
  next_ = std::move(next);
  std::vector<std::vector<std::int32_t>> shifted = samples;
  for (std::size_t i = 0; i < shifted.size(); ++i) {
    if (shifted[i].empty()) continue;
    shifted[i].erase(shifted[i].begin());
    shifted[i].push_back(next_[i]);
  }
  embedded_ = embed_samples(model_, checkpoint_, shifted, scratch_);
  ends_.rewrite_states(model_, embedded_.values.data(), embedded_.rows);
}

PackedStates NextTokenPass::enter(Mtp& mtp, const PackedStates& states, LinearOp& op,
                                  const std::vector<Tap*>& taps, Workspace& workspace) const {
  PackedStates entered = states;
  for_each_chunk(states.sequences, states.chunk_rows,
                 [&](std::int64_t begin, std::int64_t rows, Context& context) {
                   context.linear_op = &op;
                   context.taps = taps;
                   enter_next_token(mtp, embedded_.values.data() + begin * states.width,
                                    states.values.data() + begin * states.width, states.width, rows,
                                    context, entered.values.data() + begin * states.width,
                                    workspace);
                 });
  return entered;
}

}  // namespace msmodelslim
