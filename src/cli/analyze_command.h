#pragma once
// `msmodelslim analyze`: which layers lose most by quantization.

#include <string>
#include <vector>

namespace msmodelslim {

int run_analyze(const std::vector<std::string>& words);

}  // namespace msmodelslim
