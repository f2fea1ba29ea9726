#pragma once
// How far quantized weights are from the weights they stand for.

#include <optional>

#include "forward/block.h"
#include "quantize/quantized_linear.h"

namespace msmodelslim {

struct WeightError {
  double snr_db = 0;  // 10 log10(sum w^2 / sum (w - q)^2); 200 when nothing is lost
  double cosine = 1;
};

// `linear`: as smoothing and rotation left it. Nothing where the codes are not the whole weight (a
// low-rank branch).
std::optional<WeightError> weight_error(Linear& linear, const QuantizedLinear& quantized);

}  // namespace msmodelslim
