#pragma once
// File names and layout of a folder of the traditional way.

#include "recipe/v0_options.h"
#include "save/ascendv1_saver.h"

namespace msmodelslim {

void set_v0_options(const V0Options& v0, AscendV1Options* options);

}  // namespace msmodelslim
