#include "kernels/code_tile.h"

#ifdef __x86_64__
#include "kernels/x86/code_tiles.h"
#include "kernels/x86/features.h"
#elif defined(__aarch64__)
#include "kernels/aarch64/code_tile.h"
#include "kernels/gemm.h"
#endif

namespace msmodelslim {

const CodeTile* code_tile() {
#ifdef __x86_64__
  if (has_avx512_vnni()) return &kAvx512VnniTile;
  if (has_avx_vnni()) return &kAvxVnniTile;
#elif defined(__aarch64__)
  if (has_s8_products()) return &kDotTile;
#endif
  return nullptr;
}

}  // namespace msmodelslim
