#pragma once
// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434; reference: models 2.10).
//
//   q = Wqb norm(Wqa x), per head [q_n | q_r];  [c | k_r] = Wkva x;  c <- norm(c)
//   [k_n | v] per head = Wkvb c;  score = (q_n k_n + q_r k_r) * scale;  RoPE on q_r, and on k_r,
//   which all heads share
//
// A cache keeps [c | k_r]. Prompts expand it through Wkvb. A single new token is computed in the
// absorbed form where Wkvb is a float weight: q'_n = Wk^T q_n is compared with c itself, and Wv is
// applied to the weighted sum of c. With an indexer (indexer.h) the cache keeps its keys too, and
// long sequences look at chosen tokens only.

#include "forward/run.h"

namespace msmodelslim {

// Without the output projection: workspace.attention [rows, heads * value].
void run_latent_attention(const ModelSpec& model, Block& block, const float* normed,
                          std::int64_t rows, Context& context, Workspace& workspace);

}  // namespace msmodelslim
