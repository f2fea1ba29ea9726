#pragma once
// Attention to a window and to entries for the tokens before it (DeepSeek-V4; reference: models
// 2.14). See EntryAttentionSpec.
//
//   q = RoPE(unit(Wqb norm(Wqa x))) per head, k = v = RoPE(norm(Wkv x)) for all heads
//   keys of query i: the last `window` tokens, and the entries of runs that are over at i; where an
//   indexer has more than `most` of them to choose from, those with the highest
//   sum_a w_a relu(q_a e), where its entries e have a compressor of their own
//   out = Wo_b [Wo_a,g RoPE^-1(heads of group g)]: keys are values, so RoPE is taken off again
//
// The reference also rotates the indexer's q and e by one Hadamard matrix, which leaves scores as
// they are, and rounds its cache to small floats, which we do not.

#include "forward/run.h"

namespace msmodelslim {

// Self-attention without its output projection: workspace.attention [rows, groups * rank].
void run_entry_attention(const ModelSpec& model, Block& block, const float* normed,
                         std::int64_t rows, Context& context, Workspace& ws);

// The entries of a sequence, of which the runs that x's `rows` new tokens finish are made now and
// appended to the state. `kv` and `gate` [rows, width] are of the new tokens.
void compress(const Compressor& compressor, const RopeTable& rope, const float* kv,
              const float* gate, std::int64_t rows, CompressorState& state);

}  // namespace msmodelslim
