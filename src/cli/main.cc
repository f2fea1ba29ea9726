#include <string_view>

#include "base/threads.h"
#include "cli/app.h"

namespace {

// A model that answers multiplies a few rows and soon after the next ones; passes of many rows have
// pieces so long that waiting for the last ones is better done asleep.
int spins_of(std::string_view command) {
  return command == "generate" || command == "serve" || command == "eval" ? 5000 : 500;
}

}  // namespace

int main(int argc, char** argv) {
  msmodelslim::sleep_while_waiting(argv, spins_of(argc > 1 ? argv[1] : ""));
  return msmodelslim::run_app(argc, argv);
}
