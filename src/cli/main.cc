#include "cli/app.h"

int main(int argc, char** argv) { return msmodelslim::run_app(argc, argv); }
