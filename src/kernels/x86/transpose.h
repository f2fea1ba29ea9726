#pragma once
// A square of 32-bit words in registers, for the files that are compiled for AVX-512 alone: each
// has a copy of its own.

#include <immintrin.h>

#include <cstdint>

namespace msmodelslim {
namespace {

// The lowest `count` bits; all from 16 on.
[[maybe_unused]] inline __mmask16 first(std::int64_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffffU : (1U << count) - 1);
}

// x [16][16] -> its transpose
[[maybe_unused]] inline void transpose(__m512i (&x)[16]) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
  // Quarter b of u[4 i + c]: column 4 b + c of rows 4 i to 4 i + 3.
  __m512i u[16];
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    u[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    u[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    u[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    u[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512i low_even = _mm512_shuffle_i32x4(u[c], u[4 + c], 0x88);
    const __m512i high_even = _mm512_shuffle_i32x4(u[8 + c], u[12 + c], 0x88);
    const __m512i low_odd = _mm512_shuffle_i32x4(u[c], u[4 + c], 0xdd);
    const __m512i high_odd = _mm512_shuffle_i32x4(u[8 + c], u[12 + c], 0xdd);
    x[c] = _mm512_shuffle_i32x4(low_even, high_even, 0x88);
    x[4 + c] = _mm512_shuffle_i32x4(low_odd, high_odd, 0x88);
    x[8 + c] = _mm512_shuffle_i32x4(low_even, high_even, 0xdd);
    x[12 + c] = _mm512_shuffle_i32x4(low_odd, high_odd, 0xdd);
  }
}

}  // namespace
}  // namespace msmodelslim
