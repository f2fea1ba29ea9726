#pragma once
// `analyze layer`: how much decoder layers lose when their linears are quantized.
// Source: analysis reference 1.6. h: float hidden states, g: those of the model in which only one
// layer is quantized; MSE is the mean over samples of the mean (h - g)^2.
//
//   mse_layer_wise  h, g behind the layer itself
//   mse_model_wise  behind the last layer
//
// What we do differently: the Python tool's mse_layer_wise compares with a damaged float output.

#include <string>
#include <vector>

#include "advise/ranking.h"
#include "forward/run.h"
#include "recipe/plan.h"

namespace msmodelslim {

struct LayerOptions {
  std::string model_path;
  std::vector<std::vector<std::int32_t>> samples;
  LinearQuantStep probe;  // what is tried, and on which linears
  bool quiet = false;
};

// Layers of which the probe quantizes nothing have no score. UsageError when no linear is chosen.
std::vector<LayerScore> score_layers_by_output(const LayerOptions& options);

// Mean over the sequences of the mean squared difference of their rows in `a` and in `b`.
double mean_squared_error(const std::vector<Sequence>& sequences, std::int64_t width,
                          const float* a, const float* b);

}  // namespace msmodelslim
