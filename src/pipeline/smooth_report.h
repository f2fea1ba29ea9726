#pragma once
// What a smoothing entry of a recipe did, told to the log, to the report and to --debug.

#include "pipeline/processor.h"
#include "suppress/subgraph.h"

namespace msmodelslim {

// Throws UsageError when the target was quantized before. `debug` may be null.
void report_smoothing(const char* processor, const SmoothResult& result, const BlockState& state,
                      DebugInfo* debug);

}  // namespace msmodelslim
