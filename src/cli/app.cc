#include "cli/app.h"

#include <cstdio>

namespace msmodelslim {

int run_app(int, char**) {
  std::puts("msmodelslim " MSMODELSLIM_VERSION " (native)");
  return 0;
}

}  // namespace msmodelslim
