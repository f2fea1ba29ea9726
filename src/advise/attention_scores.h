#pragma once
// `analyze attn`: how much attention loses when what it compares is int8, per head.
// Source: analysis reference 1.5. Per block, over all samples: F, the module's float output; then
// the probe (fa3_quant with its defaults, where there are latent vectors; else an int8 KV cache) is
// calibrated; G, the output with it. Score: mean over samples of mean (F - G)^2. The next block
// reads what the quantized one gives, as in the Python tool.

#include <string>
#include <vector>

#include "advise/ranking.h"

namespace msmodelslim {

// Per attention module. Blocks without keys (gated delta nets) have no score; UsageError when there
// is no other block.
std::vector<LayerScore> score_attention(const std::string& model_path,
                                        const std::vector<std::vector<std::int32_t>>& samples,
                                        bool quiet);

}  // namespace msmodelslim
