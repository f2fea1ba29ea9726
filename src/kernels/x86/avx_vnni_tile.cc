// Compiled for processors with AVX2 and AVX-VNNI. Nothing else may be in this file: what the linker
// takes from here has to be safe elsewhere.
#include "kernels/code_tile_loops.h"
#include "kernels/x86/avx_vnni.h"
#include "kernels/x86/code_tiles.h"

namespace msmodelslim {

constinit const CodeTile kAvxVnniTile = tile_with<Avx2, 128>(pack_rows<128>);

}  // namespace msmodelslim
