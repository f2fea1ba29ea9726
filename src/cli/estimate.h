#pragma once
// How long a run will take on this machine, roughly, before it starts.

#include "model/spec.h"
#include "recipe/plan.h"

namespace msmodelslim {

// Floating-point operations of the calibration passes' products with weights; 0 for a data-free
// plan.
double calibration_flop(const ModelSpec& model, const Plan& plan,
                        const std::vector<std::vector<std::int32_t>>& samples);

// Those of attention's scores and sums, as the causal half or the window has them, in the same
// passes. Delta nets, and entries that a model makes of runs of tokens, are not counted.
double attention_flop(const ModelSpec& model, const Plan& plan,
                      const std::vector<std::vector<std::int32_t>>& samples);

// Weights of the blocks' linears that a token meets.
double weights_per_token(const ModelSpec& model);

// Seconds: products of the calibration passes at the speed of a short probe in the model's dtype,
// attention at half of that, plus reading and writing the weights at 1 GB/s.
double estimate_seconds(const ModelSpec& model, const Plan& plan,
                        const std::vector<std::vector<std::int32_t>>& samples, std::uint64_t bytes);

}  // namespace msmodelslim
