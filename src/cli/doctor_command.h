#pragma once
// `msmodelslim doctor`: what this machine has, and what that means for a run.

#include <string>
#include <vector>

namespace msmodelslim {

// Exit code 1 when something would stop every run.
int run_doctor(const std::vector<std::string>& words);

}  // namespace msmodelslim
