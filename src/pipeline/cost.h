#pragma once
// What a run computes, from the shapes alone.

#include <cstdint>
#include <vector>

#include "model/spec.h"
#include "recipe/plan.h"

namespace msmodelslim {

// Weights of linears that a token meets in a block, or in all blocks.
double weights_per_token(const BlockSpec& block);
double weights_per_token(const ModelSpec& model);

// Floating-point operations of the calibration passes' products with weights; 0 for a data-free
// plan.
double calibration_flop(const ModelSpec& model, const Plan& plan,
                        const std::vector<std::vector<std::int32_t>>& samples);

// Those of attention's scores and sums, as the causal half or the window has them, in the same
// passes. Delta nets, and entries that a model makes of runs of tokens, are not counted.
double attention_flop(const ModelSpec& model, const Plan& plan,
                      const std::vector<std::vector<std::int32_t>>& samples);

// How the time of a run is shared among its blocks: the operations above, attention's twice since
// they take twice as long, and work on the weights. Only ratios mean something.
std::vector<double> block_costs(const ModelSpec& model, const Plan& plan,
                                const std::vector<std::vector<std::int32_t>>& samples);

}  // namespace msmodelslim
