// Compiled for processors with sdot. Nothing else may be in this file: what the linker takes from
// here has to be safe elsewhere.
#include "kernels/aarch64/dot_tile.h"

#include <arm_neon.h>

namespace msmodelslim {
namespace {

// Four codes of depth of all rows and columns; Lane: which four of the vectors of x.
template <int Lane>
inline void add_step(const int8x16_t* rows, const std::int8_t* w, int32x4_t* low, int32x4_t* high) {
  const int8x16_t left = vld1q_s8(w);
  const int8x16_t right = vld1q_s8(w + 16);
  for (int i = 0; i < kDotRows; ++i) {
    low[i] = vdotq_laneq_s32(low[i], left, rows[i], Lane);
    high[i] = vdotq_laneq_s32(high[i], right, rows[i], Lane);
  }
}

}  // namespace

void dot_tile(const std::int8_t* const* x, const std::int8_t* panel, std::int64_t depth,
              std::int32_t* out) {
  int32x4_t low[kDotRows];
  int32x4_t high[kDotRows];
  for (int i = 0; i < kDotRows; ++i) low[i] = high[i] = vdupq_n_s32(0);
  for (std::int64_t d = 0; d < depth; d += kDotDepth, panel += kDotDepth * kDotCols) {
    int8x16_t rows[kDotRows];
    for (int i = 0; i < kDotRows; ++i) rows[i] = vld1q_s8(x[i] + d);
    add_step<0>(rows, panel, low, high);
    add_step<1>(rows, panel + 32, low, high);
    add_step<2>(rows, panel + 64, low, high);
    add_step<3>(rows, panel + 96, low, high);
  }
  for (int i = 0; i < kDotRows; ++i) {
    vst1q_s32(out + i * kDotCols, low[i]);
    vst1q_s32(out + i * kDotCols + 4, high[i]);
  }
}

}  // namespace msmodelslim
