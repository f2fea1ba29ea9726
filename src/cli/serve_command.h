#pragma once
// `msmodelslim serve`: an OpenAI-style API for a float or quantized folder.

#include <string>
#include <vector>

namespace msmodelslim {

// `args` are the words behind "serve". Returns 0 after Ctrl-C or SIGTERM, or throws an Error.
int run_serve(const std::vector<std::string>& args);

}  // namespace msmodelslim
