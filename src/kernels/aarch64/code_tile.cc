// Compiled for processors with sdot. Nothing else may be in this file: what the linker takes from
// here has to be safe elsewhere.
#include "kernels/aarch64/code_tile.h"

#include <arm_neon.h>

#include "kernels/code_tile_loops.h"

namespace msmodelslim {
namespace {

struct Neon {
  using Register = int32x4_t;
  static constexpr int kColumns = 4;
  static constexpr int kRows = 6;
  static constexpr int kWideRows = 2;

  static int32x4_t load(const std::int8_t* w) { return vreinterpretq_s32_s8(vld1q_s8(w)); }
  static int32x4_t load_sums(const std::int32_t* sums) { return vld1q_s32(sums); }
  static void store_sums(std::int32_t* to, int32x4_t sums) { vst1q_s32(to, sums); }
  static int32x4_t spread(std::int32_t four) { return vdupq_n_s32(four); }
  static int32x4_t low_codes(int32x4_t pairs) {
    return vreinterpretq_s32_s8(vshrq_n_s8(vshlq_n_s8(vreinterpretq_s8_s32(pairs), 4), 4));
  }
  static int32x4_t high_codes(int32x4_t pairs) {
    return vreinterpretq_s32_s8(vshrq_n_s8(vreinterpretq_s8_s32(pairs), 4));
  }
  static int32x4_t dot(int32x4_t sums, int32x4_t x, int32x4_t w) {
    return vdotq_s32(sums, vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(w));
  }
};

}  // namespace

constinit const CodeTile kDotTile = tile_with<Neon, 0>(pack_rows<0>);

}  // namespace msmodelslim
