#pragma once
// `quant --dry_run`: what would be done, what it needs, and what would stop it.

#include <string>
#include <vector>

#include "cli/quant_args.h"
#include "pipeline/memory_plan.h"

namespace msmodelslim {

// Prints; makes nothing. `memory`: of all jobs. `problems`: what was found wrong before. The exit
// code: 0 when the run would start, else 2.
int dry_run(const QuantArgs& args, const std::vector<QuantJob>& jobs, const ModelSpec& model,
            const CheckpointReader& checkpoint, const MemoryPlan& memory,
            std::vector<std::string> problems);

// Throws ResourceError when a disk has less room than the results and --stats_out need.
void check_disk(const std::vector<QuantJob>& jobs, const ModelSpec& model,
                const CheckpointReader& checkpoint);

}  // namespace msmodelslim
