#pragma once
// `msmodelslim tune`: searches for a recipe by trying.

#include <string>
#include <vector>

namespace msmodelslim {

int run_tune(const std::vector<std::string>& words);

}  // namespace msmodelslim
