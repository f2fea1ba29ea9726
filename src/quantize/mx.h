#pragma once
// Microscaling formats: blocks of 32 values share a power of two (reference: quantizers 3.3, 3.4,
// 6.5 to 6.8; OCP MX). Elements: fp8 e4m3 (mxfp8) or fp4 e2m1 (mxfp4), rounded half away from zero.
//
//   mxfp8  e = floor(log2 m) - 8                       m = largest magnitude of the block
//   mxfp4  e = floor(log2(m / 0.875 + 9.6e-7)) - 2
//   x' = v 2^e,  v = x / 2^e on the grid, clamped to +-448 or +-6
// What we do differently: floor(log2) is exact (the Python tool rounds log2 first, to bfloat16 in a
// bfloat16 model); exponents stay in the byte's range [-127, 127].

#include <cstdint>
#include <vector>

#include "checkpoint/ascendv1.h"

namespace msmodelslim {

inline constexpr std::int64_t kMxBlock = 32;

enum class MxElement { kFp8, kFp4 };

int mx_exponent(MxElement element, float largest);
// out = v, the grid value of each x under the exponent. x may be `out`.
void mx_values(MxElement element, const float* x, int exponent, float* out, std::int64_t count);
// out = x' of each x under the exponent.
void mx_round(MxElement element, const float* x, int exponent, float* out, std::int64_t count);
// Smallest e with largest / c <= 2^e (ceil_x; 9.6e-7 is added first).
int mx_ceil_exponent(float largest, double c);

// Bits of an fp4 grid value: index into {0, .5, 1, 1.5, 2, 3, 4, 6}, plus 8 for the sign.
std::uint8_t fp4_code(float value);
float fp4_value(std::uint8_t code);

// out = x' of `count` values, in blocks from the first one on.
void mx_fake_quantize(MxElement element, const float* x, float* out, std::int64_t count);

// What a linear of this type sees at run time instead of x, one token a row: W8A8_DYNAMIC and its
// like int8, W4A4_DYNAMIC int4, WFP8AFP8_DYNAMIC fp8 with one scale a token, MX types blocks.
// int4: the largest value is `clip_ratio` max |x| (FlatQuant). x, out [rows, width]. All threads.
void fake_quantize_dynamic(LinearType type, std::int64_t dual_block, float clip_ratio,
                           const float* x, std::int64_t rows, std::int64_t width, float* out);

}  // namespace msmodelslim
