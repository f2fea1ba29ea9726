#include "cli/estimate.h"

#include "cli/machine.h"
#include "pipeline/cost.h"

namespace msmodelslim {

double estimate_seconds(const ModelSpec& model, const Plan& plan,
                        const std::vector<std::vector<std::int32_t>>& samples,
                        std::uint64_t bytes) {
  const double flop =
      calibration_flop(model, plan, samples) + 2 * attention_flop(model, plan, samples);
  return (flop > 0 ? flop / product_speed(model.dtype == DType::kBF16) : 0) +
         static_cast<double>(bytes) / 1e9;
}

}  // namespace msmodelslim
