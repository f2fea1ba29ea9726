#pragma once
// The command line: picks the sub-command, catches every Error once, returns the exit code.

namespace msmodelslim {

// 0 success, 1 bad data or missing resource, 2 wrong usage.
int run_app(int argc, char** argv);

}  // namespace msmodelslim
