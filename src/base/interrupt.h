#pragma once
// Ctrl-C and SIGTERM: the first one asks the run to stop at the next safe point, the second one
// kills.

namespace msmodelslim {

void install_interrupt_handler();
// Throws ResourceError("interrupted") after a signal came. Called between pieces of work.
void check_interrupted();
bool interrupted();

}  // namespace msmodelslim
