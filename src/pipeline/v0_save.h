#pragma once
// File names and layout of a folder of the traditional way.

#include <string>

#include "recipe/v0_options.h"
#include "save/ascendv1_saver.h"

namespace msmodelslim {

void set_v0_options(const V0Options& v0, AscendV1Options* options);

// What engines look for in config.json: the marks of scripts, and for old MindIE versions
// `quantize` and `quantization_config`. `layers`: see QuantJob.
void mark_config(const V0Options& v0, int layers, const std::string& folder);

}  // namespace msmodelslim
