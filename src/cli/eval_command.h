#pragma once
// `msmodelslim eval ppl`: how good a model folder is on a text.

#include <string>
#include <vector>

namespace msmodelslim {

// `args` are the words behind "eval". Returns 0, or throws an Error.
int run_eval(const std::vector<std::string>& args);

}  // namespace msmodelslim
