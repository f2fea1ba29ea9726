#include "pipeline/smooth_report.h"

#include "base/error.h"
#include "base/log.h"

namespace msmodelslim {

void report_smoothing(const char* processor, const SmoothResult& result, const BlockState& state,
                      DebugInfo* debug) {
  if (state.done.count(result.target) > 0)
    throw UsageError(fmt::format("{} is smoothed after it was quantized", result.target),
                     "put the smoothing entry before linear_quant in the recipe");
  log_debug("suppress", "{}: {} alpha {:.2f} beta {:.2f}", result.target,
            subgraph_kind_name(result.kind), result.alpha, result.beta);
  if (state.notes != nullptr) state.notes->add_change(processor, result.target, result.input);
  if (debug != nullptr)
    debug->add(processor,
               {{"target", result.target},
                {"subgraph", subgraph_kind_name(result.kind)},
                {"alpha", result.alpha},
                {"beta", result.beta}},
               "scales", result.scales);
}

}  // namespace msmodelslim
