#pragma once
// Scores of layers and linears by what the whole model loses when only they are quantized.

#include <string>
#include <vector>

#include "advise/candidates.h"
#include "advise/layer_scores.h"

namespace msmodelslim {

enum class Loss { kMse, kKl };

// Per decoder layer. MSE: mse_model_wise. UsageError when the probe quantizes nothing.
std::vector<LayerScore> score_layers_alone(const LayerOptions& options, Loss loss);

// Per linear that matches one of `patterns` (Python's fnmatch; none: all); linears of a set (see
// linear_sets) are quantized together and have the same score.
std::vector<LayerScore> score_linears_alone(const LayerOptions& options,
                                            const std::vector<std::string>& patterns, Loss loss);

}  // namespace msmodelslim
