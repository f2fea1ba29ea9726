#include "base/threads.h"
#include "cli/app.h"

int main(int argc, char** argv) {
  msmodelslim::sleep_while_waiting(argv);
  return msmodelslim::run_app(argc, argv);
}
