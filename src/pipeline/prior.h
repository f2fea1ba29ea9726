#pragma once
// Stages that run over the whole float model before the recipe itself, and what they leave to it.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/reader.h"
#include "model/spec.h"
#include "recipe/plan.h"

namespace msmodelslim {

struct PriorResult {
  std::optional<std::vector<float>> rotation;  // [hidden, hidden], of adapt_rotation
};

// The linears whose inputs a fit looks at. Throws UsageError when there are none, or when one does
// not read the residual stream.
std::set<std::string> fitted_linears(const AdaptRotationStep& step, const ModelSpec& model);

// `samples`: token ids of the stages, in their order.
PriorResult run_priors(const std::vector<PriorStage>& stages,
                       const std::vector<std::vector<std::vector<std::int32_t>>>& samples,
                       const ModelSpec& model, const CheckpointReader& checkpoint, bool quiet,
                       const std::string& scratch = "");

}  // namespace msmodelslim
