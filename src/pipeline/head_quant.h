#pragma once
// The head as a quantized linear: modelslim_v0 with disable_last_linear false.

#include <string>
#include <vector>

#include "forward/run.h"
#include "pipeline/gathered.h"
#include "quantize/quantized_linear.h"
#include "recipe/plan.h"

namespace msmodelslim {

// The entry of the plan that quantizes the head, or null.
const LinearQuantStep* head_step(const Plan& plan, const std::vector<std::string>& exclude,
                                 const ModelSpec& model);

// `states`: what the blocks have made of the calibration set; empty for a data-free entry. Or what
// another run has gathered of them is `given`. `gathered`: filled in. Null: neither.
QuantizedLinear quantize_head(const LinearQuantStep& step, const Plan& plan, const ModelSpec& model,
                              const CheckpointReader& checkpoint, const PackedStates& states,
                              const GatheredView* given, GatheredBlock* gathered);

// What its codes stand for.
Tensor dequantized_head(const QuantizedLinear& head);

}  // namespace msmodelslim
