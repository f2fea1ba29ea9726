#pragma once
// The indexer of sparse attention (DeepSeek-V3.2; reference: models 2.11).
//
//   q_a = RoPE(Wq c_q) per head a, k = RoPE(layer_norm(Wk x)), w = Ww x / sqrt(heads dim)
//   score(i, j) = sum_a w_a(i) relu(q_a(i) k(j)); query i keeps its `most` best j <= i
//
// Where a query sees no more than `most` tokens it keeps them all, and nothing is computed that
// neither a cache nor a tap asks for. The reference also rotates q and k by one Hadamard matrix,
// which leaves the scores as they are.

#include "forward/run.h"

namespace msmodelslim {

class IndexerRun {
 public:
  IndexerRun(Indexer& indexer, Context& context, Workspace& ws)
      : indexer_(indexer), spec_(*indexer.spec), context_(context), ws_(ws) {}

  // `normed` [rows, hidden] is the block's input, `latent` [rows, q latent] that of q.
  void project(const float* normed, const float* latent, std::int64_t rows);
  // Keys of the new tokens, [rows, dim]; after project().
  const float* keys() const { return ws_.index_k.data(); }
  // True when the sequence has queries that see more than `most` tokens.
  bool chooses(const Sequence& s) const { return s.position + s.rows > spec_.most; }
  // keys [position + rows, dim] of the sequence -> which of them each new token looks at,
  // [rows, position + rows].
  std::vector<std::uint8_t> choose(const Sequence& s, const float* keys) const;

 private:
  void rotate(float* x, std::int64_t heads);

  Indexer& indexer_;
  const IndexerSpec& spec_;
  Context& context_;
  Workspace& ws_;
};

}  // namespace msmodelslim
