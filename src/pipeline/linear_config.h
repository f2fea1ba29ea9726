#pragma once
// A linear_quant entry as the quantizer of a linear understands it.

#include "quantize/linear_quantizer.h"
#include "recipe/plan.h"

namespace msmodelslim {

LinearConfig linear_config_of(const LinearQuantStep& step, const Plan& plan, DType model_dtype);

}  // namespace msmodelslim
