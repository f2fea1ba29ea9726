#pragma once
// How long a run will take on this machine, roughly, before it starts.

#include "model/spec.h"
#include "recipe/plan.h"

namespace msmodelslim {

// Seconds: products of the calibration passes at the speed of a short probe in the model's dtype,
// attention at half of that, plus reading and writing the weights at 1 GB/s.
double estimate_seconds(const ModelSpec& model, const Plan& plan,
                        const std::vector<std::vector<std::int32_t>>& samples, std::uint64_t bytes);

}  // namespace msmodelslim
