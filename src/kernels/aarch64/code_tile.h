#pragma once
// The tile of code_tile.h for processors with sdot.

#include "kernels/code_tile.h"

namespace msmodelslim {

extern const CodeTile kDotTile;

}  // namespace msmodelslim
