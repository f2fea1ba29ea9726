#pragma once
// Tiles of code_tile.h. Each only on processors with its instructions.

#include "kernels/code_tile.h"

namespace msmodelslim {

extern const CodeTile kAvx512VnniTile;
extern const CodeTile kAvxVnniTile;  // AVX2 with VNNI

}  // namespace msmodelslim
