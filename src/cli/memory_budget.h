#pragma once
// How a run keeps to the memory that it may take.

#include <cstdint>
#include <string>

#include "cli/quant_args.h"
#include "pipeline/memory_plan.h"

namespace msmodelslim {

// "8GiB", "500MB", "2g", "1.5GB" or plain bytes. UsageError that names `option` otherwise.
std::uint64_t parse_byte_size(const std::string& option, const std::string& text);

// --max_memory, else what the machine has now less a tenth.
std::uint64_t memory_budget(const QuantArgs& args);

// Puts the hidden states of the jobs of a run into a scratch file when they do not fit. With
// --max_memory: ResourceError when the rest does not fit either, and the system holds this process
// to it from here on. Without it: a warning.
void keep_to_memory(const QuantArgs& args, const MemoryPlan& plan, std::vector<QuantJob>* jobs);

}  // namespace msmodelslim
