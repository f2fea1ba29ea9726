#pragma once
// Recipes and calibration sets that come with the program.

#include <string>

namespace msmodelslim {

// Folder that holds `recipes/` and `calib/`: <exe>/../share/msmodelslim when installed, else the
// nearest folder above the executable that has both (a source tree with its build folder).
// MSMODELSLIM_SHARE overrides. Throws ResourceError when neither exists.
std::string share_dir();

}  // namespace msmodelslim
