#pragma once
// Gated delta net (Yang et al., arXiv 2412.06464; reference: models 2.12).
//
//   [q | k | v] = silu(conv(Wqkv x)), a causal convolution over time for each channel; z = Wz x
//   beta = sigmoid(Wb x), decay = exp(-exp(A_log) softplus(Wa x + dt_bias)), per value head
//   q, k <- q, k / |.|, q <- q / sqrt(key_dim); a key head serves value_heads / key_heads of them
//   S <- decay S;  S <- S + k (beta (v - S^T k))^T;  o = S^T q;  S [key_dim, value_dim]
//   result: rms_norm(o) silu(z)
// Token by token: the published chunked form is the same sum in another order.

#include "forward/run.h"

namespace msmodelslim {

// Without the output projection: workspace.attention [rows, value_width].
void run_delta_net(Block& block, const float* normed, std::int64_t rows, Context& context,
                   Workspace& workspace);

}  // namespace msmodelslim
