#pragma once
// `msmodelslim diff`: how two model folders or safetensors files differ.

#include <string>
#include <vector>

namespace msmodelslim {

// The exit code is 1 when they differ.
int run_diff(const std::vector<std::string>& words);

}  // namespace msmodelslim
