#pragma once
// VNNI on vectors of 256 bits, for code_tile_loops.h: as AVX-VNNI has it (VEX encoding), or, where
// that is not compiled for, as AVX512-VNNI with AVX512-VL has it.

#include <immintrin.h>

#include <cstdint>

namespace msmodelslim {
namespace {

struct Avx2 {
  using Register = __m256i;
  static constexpr int kColumns = 8;
  static constexpr int kRows = 6;
  static constexpr int kWideRows = 2;

  static __m256i load(const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
  }
  static __m256i load_sums(const std::int32_t* sums) { return load(sums); }
  static void store_sums(std::int32_t* to, __m256i sums) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), sums);
  }
  static __m256i spread(std::int32_t four) { return _mm256_set1_epi32(four); }
  static __m256i low_codes(__m256i pairs) {
    const __m256i table = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1));
    return _mm256_shuffle_epi8(table, _mm256_and_si256(pairs, _mm256_set1_epi8(15)));
  }
  static __m256i high_codes(__m256i pairs) { return low_codes(_mm256_srli_epi16(pairs, 4)); }
  static __m256i dot(__m256i sums, __m256i x, __m256i w) {
#ifdef __AVXVNNI__
    return _mm256_dpbusd_avx_epi32(sums, x, w);
#else
    return _mm256_dpbusd_epi32(sums, x, w);
#endif
  }
};

}  // namespace
}  // namespace msmodelslim
