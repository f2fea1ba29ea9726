#pragma once
// Quantizers as recipes name them, in the forms that others ask for: the quantizer's own
// parameters, and the function objects that searches in suppress/ are handed.

#include "quantize/weight.h"
#include "recipe/plan.h"
#include "suppress/rounding.h"

namespace msmodelslim {

// Scales are rounded to `scale_dtype`.
WeightConfig weight_config_of(const QConfig& weight, DType scale_dtype);

// `weight`: data-free.
RoundWeight make_round_weight(const QConfig& weight, DType scale_dtype);

// What a linear with these activations and weights sees at run time. Static ranges are those of
// the whole input.
RoundInput make_round_input(const QConfig& act, const QConfig& weight);

}  // namespace msmodelslim
