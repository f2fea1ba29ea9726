#pragma once
// What may help a result that is not good enough, most promising first.
// Source: analysis reference 6 (the Python tool's tuning guides). Of its measures those are named
// that apply to this plan and this run, with the numbers that say so.

#include <optional>
#include <string>
#include <vector>

#include "model/spec.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {

struct AdviceFacts {
  const QuantJob* job = nullptr;
  const ModelSpec* model = nullptr;
  const QuantSummary* summary = nullptr;
  double kl = 0;
  std::optional<double> float_perplexity;
};

// Mean KL above which a result is called bad.
inline constexpr double kBadKl = 0.1;

std::vector<std::string> advice_for(const AdviceFacts& facts);

}  // namespace msmodelslim
