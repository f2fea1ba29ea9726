// Compiled for processors with AVX512-VNNI. Nothing else may be in this file: what the linker takes
// from here has to be safe elsewhere.
#include <immintrin.h>

#include "kernels/code_tile_loops.h"
#include "kernels/x86/code_tiles.h"
#include "kernels/x86/transpose.h"

namespace msmodelslim {
namespace {

struct Avx512 {
  using Register = __m512i;
  static constexpr int kColumns = 16;
  static constexpr int kRows = 14;
  static constexpr int kWideRows = kRows;

  static __m512i load(const std::int8_t* w) { return _mm512_loadu_si512(w); }
  static __m512i load_sums(const std::int32_t* sums) { return _mm512_loadu_si512(sums); }
  static void store_sums(std::int32_t* to, __m512i sums) { _mm512_storeu_si512(to, sums); }
  static __m512i spread(std::int32_t four) { return _mm512_set1_epi32(four); }
  static __m512i low_codes(__m512i pairs) {
    const __m512i table = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1));
    return _mm512_shuffle_epi8(table, _mm512_and_si512(pairs, _mm512_set1_epi8(15)));
  }
  static __m512i high_codes(__m512i pairs) { return low_codes(_mm512_srli_epi16(pairs, 4)); }
  static __m512i dot(__m512i sums, __m512i x, __m512i w) { return _mm512_dpbusd_epi32(sums, x, w); }
};

void pack_rows_in_squares(const std::int8_t* codes, std::int64_t rows, std::int64_t in,
                          std::uint8_t* x) {
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

}  // namespace

constinit const CodeTile kAvx512VnniTile = tile_with<Avx512, 128>(pack_rows_in_squares);

}  // namespace msmodelslim
