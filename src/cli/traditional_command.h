#pragma once
// msmodelslim traditional FAMILY|SCRIPT [ARGUMENTS]: a command line of the Python tool's scripts,
// translated to the same plan as every recipe.

#include <string>
#include <vector>

namespace msmodelslim {

int run_traditional(const std::vector<std::string>& words);

}  // namespace msmodelslim
