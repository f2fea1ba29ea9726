#pragma once
// `analyze linear`: how hard the inputs of each linear are to quantize, in one pass of the
// calibration set through the float model.

#include <string>
#include <vector>

#include "advise/ranking.h"
#include "observe/score_tap.h"

namespace msmodelslim {

// Linears whose names match one of `patterns` (see base/fnmatch.h; none: all), in the order of the
// model. Linears that no token came to have no score. DataError when nothing matches.
std::vector<LayerScore> score_linears(const std::string& model_path,
                                      const std::vector<std::vector<std::int32_t>>& samples,
                                      ActivationMetric metric,
                                      const std::vector<std::string>& patterns, bool quiet);

// True when `name` matches one of the patterns, or there are none.
bool matches_any(const std::string& name, const std::vector<std::string>& patterns);

}  // namespace msmodelslim
