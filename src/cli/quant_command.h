#pragma once
// `msmodelslim quant`: one command from a float folder to a quantized one.

#include <string>
#include <vector>

#include "cli/quant_args.h"
#include "model/config.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {

// `args` are the words behind "quant". Returns 0, or throws an Error. Collective.
int run_quant(const std::vector<std::string>& args, Ranks& ranks = lone_rank());

// What every way to quantize does with its plan: checks it, reads the calibration sets, quantizes,
// proves. The exit code.
int carry_out(const QuantArgs& args, QuantJob job, const ModelConfig& config);
// The same of several recipes in one run: the arguments and the job of each.
int carry_out(const std::vector<QuantArgs>& args, std::vector<QuantJob> jobs,
              const ModelConfig& config);

}  // namespace msmodelslim
