// The tile for AVX-VNNI in the encoding of AVX512-VL: many processors have only that one. Compiled
// for them, so nothing else may be in this file.
#include "kernels/code_tile_loops.h"
#include "kernels/x86/avx_vnni.h"

namespace msmodelslim {

extern const CodeTile kAvxVnniAsEvex;
constinit const CodeTile kAvxVnniAsEvex = tile_with<Avx2, 128>(pack_rows<128>);

}  // namespace msmodelslim
