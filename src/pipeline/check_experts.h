#pragma once
// What a recipe must not do to experts, or should not.

#include <string>
#include <utility>
#include <vector>

#include "pipeline/quantize_model.h"

namespace msmodelslim {

// "model.layers.3.mlp.experts (W4A8_DYNAMIC, FLOAT)" for layers whose experts get several types,
// which engines load as that of the first.
std::vector<std::string> mixed_experts(const QuantJob& job, const ModelSpec& model);

// (message, remedy): mixed experts, static activations of experts, quantized routers.
std::vector<std::pair<std::string, std::string>> expert_warnings(const QuantJob& job,
                                                                 const ModelSpec& model);

// Throws UsageError when a method that learns by a backward pass selects a layer with experts or
// latent attention.
void check_learned(const QuantJob& job, const ModelSpec& model);

}  // namespace msmodelslim
