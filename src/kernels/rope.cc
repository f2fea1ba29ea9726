#include "kernels/rope.h"

namespace msmodelslim {

void rotate_half(float* x, std::int64_t rows, std::int64_t heads, std::int64_t head_dim,
                 std::int64_t half, const float* cos, const float* sin, std::int64_t position) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* c = cos + (position + r) * half;
    const float* s = sin + (position + r) * half;
    for (std::int64_t h = 0; h < heads; ++h) {
      float* low = x + (r * heads + h) * head_dim;
      float* high = low + half;
      for (std::int64_t i = 0; i < half; ++i) {
        const float a = low[i];
        const float b = high[i];
        low[i] = a * c[i] - b * s[i];
        high[i] = b * c[i] + a * s[i];
      }
    }
  }
}

void rotate_pairs(float* x, std::int64_t tokens, std::int64_t heads, std::int64_t width,
                  std::int64_t half, const float* cos, const float* sin, std::int64_t position) {
  for (std::int64_t r = 0; r < tokens; ++r) {
    const float* c = cos + (position + r) * half;
    const float* s = sin + (position + r) * half;
    for (std::int64_t h = 0; h < heads; ++h) {
      float* pair = x + (r * heads + h) * width;
      for (std::int64_t i = 0; i < half; ++i, pair += 2) {
        const float a = pair[0];
        const float b = pair[1];
        pair[0] = a * c[i] - b * s[i];
        pair[1] = b * c[i] + a * s[i];
      }
    }
  }
}

}  // namespace msmodelslim
