#pragma once
// What this process has warned about, for reports.

#include <string>
#include <vector>

namespace msmodelslim {

// The messages of WARNING lines so far, in order, also of those that the log level hides.
std::vector<std::string> logged_warnings();

}  // namespace msmodelslim
