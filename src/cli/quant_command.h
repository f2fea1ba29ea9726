#pragma once
// `msmodelslim quant`: one command from a float folder to a quantized one.

#include <string>
#include <vector>

namespace msmodelslim {

// `args` are the words behind "quant". Returns 0, or throws an Error.
int run_quant(const std::vector<std::string>& args);

}  // namespace msmodelslim
