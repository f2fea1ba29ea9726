#pragma once
// `msmodelslim generate`: lets a float or quantized folder go on with texts.

#include <string>
#include <vector>

namespace msmodelslim {

// `args` are the words behind "generate". Returns 0, or throws an Error.
int run_generate(const std::vector<std::string>& args);

}  // namespace msmodelslim
