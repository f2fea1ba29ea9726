#pragma once
// Small float formats, e4m3 (8 bits, up to 448) and e2m1 (4 bits, up to 6): the values of codes,
// and rounding to their grids. What lies beyond the largest value becomes it, NaN stays NaN. `x`
// may be `out`.

#include <cstdint>

namespace msmodelslim {

// out = v * up, v = x * down on the grid, halves away from zero. down, up: powers of two.
void round_e4m3(const float* x, float down, float up, float* out, std::int64_t count);
void round_e2m1(const float* x, float down, float up, float* out, std::int64_t count);
// out = v * scale, v = x / scale on the grid of e4m3, halves to even.
void round_e4m3_even(const float* x, float scale, float* out, std::int64_t count);

// out = the value of an e4m3 code, exactly.
void decode_e4m3(const std::uint8_t* codes, float* out, std::int64_t count);

}  // namespace msmodelslim
