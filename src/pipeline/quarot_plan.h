#pragma once
// A quarot entry of a recipe as the rotation that suppress carries out.

#include <string>

#include "recipe/plan.h"
#include "suppress/quarot.h"

namespace msmodelslim {

QuaRotConfig quarot_config(const QuaRotStep& step, const std::string& pedigree);

}  // namespace msmodelslim
