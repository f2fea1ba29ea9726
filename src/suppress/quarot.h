#pragma once
// QuaRot (Ashkboos et al., arXiv 2404.00456): turns the residual stream and the heads of a model,
// so that no channel stands out. Needs no data; the model's output stays the same.
//
//   h' = h R             embedding W R; q, k, v, gate, up, head: (W diag(norm)) R; o, down: R^T W
//   norm weights -> 1    (RMSNorm(h R) = RMSNorm(h) R holds for a norm without weights only)
//   v' = v U per head    v: U^T W; o: W (I x U)
// latent attention: also q_a and q_b by a matrix of their own, the latent vector (kv_a, kv_b) by
//   another one, and the value rows of kv_b by U; a next-token layer's projection reads both of its
//   halves turned, or two projections one each; its head has its own norm
// online: o and down also read a rotated input, which the engine must turn at run time:
//   o                    X [heads, head_dim] -> M^T X
//   down                 X [m, n] -> M^T X N,  m n = intermediate size
// Source: outlier-suppression reference 10, 11. Different from the Python tool: fp32 throughout
// instead of a rounding to the checkpoint's dtype after every step, a tied head gets weights of its
// own, and a norm's bias is kept.

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "suppress/rotation.h"

namespace msmodelslim {

struct QuaRotConfig {
  std::int64_t block_size = -1;
  bool shifted_heads = false;  // U: B P B instead of a Hadamard matrix
  bool online = false;
  std::set<std::int64_t> down_proj_online_layers;
  std::int64_t max_tp_size = 4;  // blocks of M, so that tensor-parallel ranks stay apart
  std::optional<std::vector<float>> residual;  // R [hidden, hidden] of adapt_rotation
};

class QuaRot {
 public:
  // Throws UsageError when a width of the model has no rotation of the wanted kind.
  QuaRot(const QuaRotConfig& config, const ModelSpec& model);

  const Rotation& residual() const { return residual_; }
  // Rows of the embedding or the head [rows, hidden]; for the head `norm` is the final norm's
  // weight.
  void rotate_embedding(float* x, std::int64_t rows) const;
  void rotate_head(const std::vector<float>& norm, float* x, std::int64_t rows) const;
  // Rewrites a block; `index` is its place in the model.
  void rotate(Block& block, std::int64_t index) const;

  // What the engine must do to the inputs of o_proj (every block) and down_proj (chosen blocks);
  // whole matrices, also where they are the identity.
  const std::optional<InputRotation>& heads() const { return heads_; }
  const std::optional<InputRotation>& kronecker() const { return kronecker_; }
  bool turns_down(std::int64_t index) const {
    return kronecker_ && config_.down_proj_online_layers.count(index) > 0;
  }

 private:
  void rotate_attention(Block& block) const;
  void rotate_latent(Mla& mla) const;
  void rotate_entries(Block& block) const;
  void rotate_mtp(Mtp& mtp) const;
  void rotate_streams(Hyper& hyper) const;

  QuaRotConfig config_;
  Rotation residual_;
  Rotation value_;                    // U
  std::optional<Rotation> q_latent_;  // latent attention
  std::optional<Rotation> kv_latent_;
  std::optional<InputRotation> heads_;
  std::optional<InputRotation> kronecker_;
};

// Moves the weights of a block's norms into the linears behind them.
void fold_norms(Block& block);

// m and n with m n = size that both have Hadamard matrices of a size the engines' kernels take;
// throws UsageError when there are none.
std::pair<std::int64_t, std::int64_t> kronecker_sides(std::int64_t size);

}  // namespace msmodelslim
