// Compiled for processors with AVX512-VNNI. Nothing else may be in this file: what the linker takes
// from here has to be safe elsewhere.
#include "kernels/x86/vnni_tile.h"

#include <immintrin.h>

#include <cstring>

#include "kernels/x86/transpose.h"

namespace msmodelslim {
namespace {

struct Halves {
  __m512i low;   // columns 0..15
  __m512i high;  // columns 16..31
};

template <int Bits>
inline Halves load(const std::int8_t* panel) {
  const __m512i first = _mm512_loadu_si512(panel);
  if constexpr (Bits == 8) {
    return {first, _mm512_loadu_si512(panel + 64)};
  } else {
    const __m512i mask = _mm512_set1_epi8(15);
    const __m512i table = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1));
    return {_mm512_shuffle_epi8(table, _mm512_and_si512(first, mask)),
            _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(first, 4), mask))};
  }
}

template <int Rows, int Bits>
void tile(const std::uint8_t* x, const std::int8_t* panel, std::int64_t quads,
          const std::int32_t* start, std::int32_t* sums) {
  constexpr std::int64_t kBytes = kVnniCols * 4 * Bits / 8;
  __m512i low[Rows];
  __m512i high[Rows];
#pragma GCC unroll 14
  for (int r = 0; r < Rows; ++r) {
    low[r] = _mm512_loadu_si512(start);
    high[r] = _mm512_loadu_si512(start + 16);
  }
  for (std::int64_t q = 0; q < quads; ++q) {
    const Halves w = load<Bits>(panel);
#pragma GCC unroll 14
    for (int r = 0; r < Rows; ++r) {
      std::int32_t four;
      std::memcpy(&four, x + 4 * r, sizeof(four));
      const __m512i spread = _mm512_set1_epi32(four);
      low[r] = _mm512_dpbusd_epi32(low[r], spread, w.low);
      high[r] = _mm512_dpbusd_epi32(high[r], spread, w.high);
    }
    x += 4 * Rows;
    panel += kBytes;
  }
#pragma GCC unroll 14
  for (int r = 0; r < Rows; ++r) {
    _mm512_storeu_si512(sums + r * kVnniCols, low[r]);
    _mm512_storeu_si512(sums + r * kVnniCols + 16, high[r]);
  }
}

template <int Bits>
void tile_of(std::int64_t rows, const std::uint8_t* x, const std::int8_t* panel, std::int64_t quads,
             const std::int32_t* start, std::int32_t* sums) {
  using Tile = void (*)(const std::uint8_t*, const std::int8_t*, std::int64_t, const std::int32_t*,
                        std::int32_t*);
  static constexpr Tile kTiles[kVnniRows] = {
      tile<1, Bits>,  tile<2, Bits>,  tile<3, Bits>,  tile<4, Bits>, tile<5, Bits>,
      tile<6, Bits>,  tile<7, Bits>,  tile<8, Bits>,  tile<9, Bits>, tile<10, Bits>,
      tile<11, Bits>, tile<12, Bits>, tile<13, Bits>, tile<14, Bits>};
  kTiles[rows - 1](x, panel, quads, start, sums);
}

}  // namespace

void vnni_tile_8bit(std::int64_t rows, const std::uint8_t* x, const std::int8_t* panel,
                    std::int64_t quads, const std::int32_t* start, std::int32_t* sums) {
  tile_of<8>(rows, x, panel, quads, start, sums);
}

void vnni_tile_4bit(std::int64_t rows, const std::uint8_t* x, const std::int8_t* panel,
                    std::int64_t quads, const std::int32_t* start, std::int32_t* sums) {
  tile_of<4>(rows, x, panel, quads, start, sums);
}

void vnni_pack_rows(const std::int8_t* codes, std::int64_t rows, std::int64_t in, std::uint8_t* x) {
  const __m512i shift = _mm512_set1_epi8(-128);
  const std::int64_t quads = (in + 3) / 4;
  for (std::int64_t q = 0; q < quads; q += 16) {
    const std::int64_t bytes = in - 4 * q;
    const __mmask64 mask = bytes >= 64 ? ~__mmask64{0} : (__mmask64{1} << bytes) - 1;
    if (rows == 1) {
      const __m512i line = _mm512_xor_si512(shift, _mm512_maskz_loadu_epi8(mask, codes + 4 * q));
      _mm512_mask_storeu_epi32(x + 4 * q, first(quads - q), line);
      continue;
    }
    __m512i square[16];
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r)
      square[r] = _mm512_xor_si512(
          shift,
          _mm512_maskz_loadu_epi8(r < rows ? mask : 0, codes + (r < rows ? r : 0) * in + 4 * q));
    transpose(square);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i)
      if (q + i < quads) _mm512_mask_storeu_epi32(x + (q + i) * rows * 4, first(rows), square[i]);
  }
}

}  // namespace msmodelslim
