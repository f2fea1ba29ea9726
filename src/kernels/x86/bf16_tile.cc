// Compiled for processors with AVX512-BF16. Nothing else may be in this file: what the linker takes
// from here has to be safe elsewhere.
#include "kernels/x86/bf16_tile.h"

#include <immintrin.h>

#include <cstring>

#include "kernels/x86/transpose.h"

namespace msmodelslim {
namespace {

inline __m512bh pairs_of(__m512i bits) {
  __m512bh pairs;
  static_assert(sizeof(pairs) == sizeof(bits));
  std::memcpy(&pairs, &bits, sizeof(pairs));
  return pairs;
}

inline __m512bh load(const std::uint16_t* x) { return pairs_of(_mm512_loadu_si512(x)); }

// The first `count` < 32 values from `x` on, then zeros.
inline __m512bh load(const std::uint16_t* x, std::int64_t count) {
  return pairs_of(_mm512_maskz_loadu_epi16(static_cast<__mmask32>((1U << count) - 1), x));
}

// Bytes: the processor's own prefetching ends at the end of a page. One row is faster without.
constexpr std::int64_t kAhead = 4096;

inline void fetch(const std::uint16_t* w) {
  _mm_prefetch(reinterpret_cast<const char*>(w) + kAhead, _MM_HINT_T0);
}

// Columns of w: two, or one of one row, whose weights then come in one stream.
template <int Rows>
void dots(const std::uint16_t* x, const std::uint16_t* w, std::int64_t k, float* y,
          std::int64_t ldy, std::int64_t cols) {
  constexpr bool kTwo = Rows > 1;
  const std::uint16_t* second = w + (cols > 1 ? k : 0);
  __m512 left[Rows];
  __m512 right[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) left[r] = right[r] = _mm512_setzero_ps();
  const auto add = [&](std::int64_t i, auto... count) {
    const __m512bh a = load(w + i, count...);
    const __m512bh b = kTwo ? load(second + i, count...) : a;
    if (kTwo) {
      fetch(w + i);
      fetch(second + i);
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const __m512bh row = load(x + r * k + i, count...);
      left[r] = _mm512_dpbf16_ps(left[r], row, a);
      if (kTwo) right[r] = _mm512_dpbf16_ps(right[r], row, b);
    }
  };
  std::int64_t i = 0;
  for (; i + 32 <= k; i += 32) add(i);
  if (i < k) add(i, k - i);
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    y[r * ldy] = _mm512_reduce_add_ps(left[r]);
    if (kTwo && cols > 1) y[r * ldy + 1] = _mm512_reduce_add_ps(right[r]);
  }
}

// Its line is on its way while the sums are made.
inline void fetch_to_write(float* y) { __builtin_prefetch(y, 1); }

template <int Rows>
void tile(const std::uint16_t* x, std::int64_t line, const std::uint16_t* panel, std::int64_t pairs,
          float* y, std::int64_t stride) {
  __m512 low[Rows];
  __m512 high[Rows];
#pragma GCC unroll 14
  for (int r = 0; r < Rows; ++r) {
    low[r] = high[r] = _mm512_setzero_ps();
    fetch_to_write(y + r * stride);
    fetch_to_write(y + r * stride + 16);
  }
  // Three rows for each pointer: the addresses of all find room in the registers.
  constexpr int kGroups = (Rows + 2) / 3;
  const std::uint16_t* rows[kGroups];
#pragma GCC unroll 5
  for (int g = 0; g < kGroups; ++g) rows[g] = x + 3 * g * line;
  for (std::int64_t p = 0; p < pairs; ++p) {
    const __m512bh left = load(panel);
    const __m512bh right = load(panel + kBf16Cols);
#pragma GCC unroll 14
    for (int r = 0; r < Rows; ++r) {
      std::int32_t pair;
      std::memcpy(&pair, rows[r / 3] + r % 3 * line + 2 * p, sizeof(pair));
      const __m512bh spread = pairs_of(_mm512_set1_epi32(pair));
      low[r] = _mm512_dpbf16_ps(low[r], spread, left);
      high[r] = _mm512_dpbf16_ps(high[r], spread, right);
    }
    panel += 2 * kBf16Cols;
  }
#pragma GCC unroll 14
  for (int r = 0; r < Rows; ++r) {
    _mm512_storeu_ps(y + r * stride, low[r]);
    _mm512_storeu_ps(y + r * stride + 16, high[r]);
  }
}

// The left or right half of a panel: of `cols` <= 16 rows of w, and zeros in place of others.
inline void pack_half(const std::uint16_t* w, std::int64_t cols, std::int64_t pairs,
                      std::uint16_t* panel) {
  for (std::int64_t p = 0; p < pairs; p += 16) {
    const __mmask16 mask = first(pairs - p);
    __m512i x[16];
#pragma GCC unroll 16
    for (int c = 0; c < 16; ++c)
      x[c] =
          _mm512_maskz_loadu_epi32(c < cols ? mask : 0, w + 2 * ((c < cols ? c : 0) * pairs + p));
    transpose(x);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i)
      if (p + i < pairs) _mm512_storeu_si512(panel + (p + i) * 2 * kBf16Cols, x[i]);
  }
}

// To nearest even.
inline void store_rounded(__m512 x, std::uint16_t* to) {
  const __m256bh rounded = _mm512_cvtneps_pbh(x);
  std::memcpy(to, &rounded, sizeof(rounded));
}

// Those of the mask, if any.
inline void store_rounded(__m512 x, __mmask16 mask, std::uint16_t* to) {
  if (mask == 0) return;
  const __m256bh rounded = _mm512_cvtneps_pbh(x);
  __m256i bits;
  std::memcpy(&bits, &rounded, sizeof(bits));
  _mm256_mask_storeu_epi16(to, mask, bits);
}

// 2^x within 3e-6 of it, from 2^-126 on: the polynomial of degree 4 with the least relative error
// in -0.5..0.5. What is rounded to bfloat16 needs no more.
inline __m512 exp2_of(__m512 x) {
  const __m512 t = _mm512_max_ps(x, _mm512_set1_ps(-126.0F));
  const __m512 whole = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 part = _mm512_sub_ps(t, whole);
  __m512 sum = _mm512_set1_ps(9.57010191e-3F);
  constexpr float kRest[] = {5.59178603e-2F, 2.40247448e-1F, 6.93121815e-1F, 9.99999261e-1F};
  for (const float c : kRest) sum = _mm512_fmadd_ps(sum, part, _mm512_set1_ps(c));
  return _mm512_scalef_ps(sum, whole);
}

}  // namespace

void bf16_tile(std::int64_t rows, const std::uint16_t* x, std::int64_t line,
               const std::uint16_t* panel, std::int64_t pairs, float* y, std::int64_t stride) {
  using Tile = void (*)(const std::uint16_t*, std::int64_t, const std::uint16_t*, std::int64_t,
                        float*, std::int64_t);
  static constexpr Tile kTiles[kBf16Rows] = {tile<1>,  tile<2>,  tile<3>,  tile<4>, tile<5>,
                                             tile<6>,  tile<7>,  tile<8>,  tile<9>, tile<10>,
                                             tile<11>, tile<12>, tile<13>, tile<14>};
  kTiles[rows - 1](x, line, panel, pairs, y, stride);
}

void bf16_dots(std::int64_t rows, const std::uint16_t* x, const std::uint16_t* w, std::int64_t cols,
               std::int64_t k, float* y, std::int64_t ldy) {
  using Dots = void (*)(const std::uint16_t*, const std::uint16_t*, std::int64_t, float*,
                        std::int64_t, std::int64_t);
  static constexpr Dots kDots[8] = {dots<1>, dots<2>, dots<3>, dots<4>,
                                    dots<5>, dots<6>, dots<7>, dots<8>};
  const std::int64_t step = rows == 1 ? 1 : 2;
  for (std::int64_t c = 0; c < cols; c += step)
    kDots[rows - 1](x, w + c * k, k, y + c, ldy, cols - c);
}

void bf16_pack_panel(const std::uint16_t* w, std::int64_t cols, std::int64_t pairs,
                     std::uint16_t* panel) {
  constexpr std::int64_t kHalf = kBf16Cols / 2;
  const std::int64_t left = cols < kHalf ? cols : kHalf;
  pack_half(w, left, pairs, panel);
  pack_half(w + left * 2 * pairs, cols - left, pairs, panel + 2 * kHalf);
}

float bf16_softmax(const float* scores, float scale, std::int64_t count, std::uint16_t* weights) {
  // Whole vectors first: stores under a mask are slow.
  const std::int64_t end = count / 16 * 16;
  const __mmask16 rest = first(count - end);
  __m512 top = _mm512_set1_ps(-__builtin_inff());
  for (std::int64_t i = 0; i < end; i += 16) top = _mm512_max_ps(top, _mm512_loadu_ps(scores + i));
  const __m512 last_scores = _mm512_maskz_loadu_ps(rest, scores + end);
  top = _mm512_mask_max_ps(top, rest, top, last_scores);
  const float factor = scale * 1.44269504F;  // log2(e)
  const __m512 by = _mm512_set1_ps(factor);
  const __m512 most = _mm512_set1_ps(_mm512_reduce_max_ps(top) * factor);
  __m512 sums = _mm512_setzero_ps();
  for (std::int64_t i = 0; i < end; i += 16) {
    const __m512 e = exp2_of(_mm512_fmsub_ps(_mm512_loadu_ps(scores + i), by, most));
    store_rounded(e, weights + i);
    sums = _mm512_add_ps(sums, e);
  }
  const __m512 last = exp2_of(_mm512_fmsub_ps(last_scores, by, most));
  store_rounded(last, rest, weights + end);
  return _mm512_reduce_add_ps(_mm512_mask_add_ps(sums, rest, sums, last));
}

void bf16_round(const float* x, std::uint16_t* out, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) store_rounded(_mm512_loadu_ps(x + i), out + i);
  const __mmask16 rest = first(count - i);
  store_rounded(_mm512_maskz_loadu_ps(rest, x + i), rest, out + i);
}

}  // namespace msmodelslim
