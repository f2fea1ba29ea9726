#pragma once
// Options of the traditional way as entries of a plan.

#include <vector>

#include "recipe/plan.h"

namespace msmodelslim {

// Of resolved options. Where these still wait for statistics of the calibration set, every linear
// has min-max ranges and none is rolled back.
std::vector<Step> v0_steps(const V0Options& options, int line = 0);

}  // namespace msmodelslim
