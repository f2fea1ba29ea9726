#pragma once
// `msmodelslim inspect`: what is in a model folder or a safetensors file.

#include <string>
#include <vector>

namespace msmodelslim {

int run_inspect(const std::vector<std::string>& words);

}  // namespace msmodelslim
