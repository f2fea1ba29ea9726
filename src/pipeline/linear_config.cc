#include "pipeline/linear_config.h"

#include "base/error.h"
#include "pipeline/rounding.h"

namespace msmodelslim {

LinearConfig linear_config_of(const LinearQuantStep& step, const Plan& plan, DType model_dtype) {
  LinearConfig config;
  const auto type = linear_type_from_name(step.type);
  if (!type) throw UsageError(fmt::format("the type {} is not built yet", step.type));
  config.type = *type;
  config.act = step.act.is_float()              ? ActKind::kFloat
               : step.act.scope == "per_tensor" ? ActKind::kStatic
               : step.act.scope == "pd_mix"     ? ActKind::kMix
                                                : ActKind::kPerToken;
  config.act_symmetric = step.act.symmetric;
  config.aggregation = aggregation_of(step.act) == Aggregation::kMean ? RangeAggregation::kMean
                                                                      : RangeAggregation::kMax;
  if (step.act.method == "histogram")
    config.histogram = plan.v0 ? RangeSearch::kFirstRise : RangeSearch::kLeastError;
  config.weight = weight_config_of(step.weight, model_dtype);
  config.act_scale_dtype = model_dtype;
  config.compute_dtype = model_dtype;
  if (plan.v0) {
    config.aggregation = RangeAggregation::kRunningMean;
    // As in the Python tool, dynamic linears too: their inputs are range-quantized asymmetrically.
    config.static_pass = config.act != ActKind::kFloat;
    if (!config.has_range()) config.act_symmetric = false;
  }
  return config;
}

}  // namespace msmodelslim
