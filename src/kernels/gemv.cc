#include "kernels/gemv.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "base/threads.h"
#ifdef __x86_64__
#include "kernels/x86/bf16_tile.h"
#include "kernels/x86/features.h"
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemv.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;
using I32 = hn::RebindToSigned<F>;

HWY_INLINE hn::Vec<F> Widened(const float* w) { return hn::LoadU(F(), w); }

HWY_INLINE hn::Vec<F> Widened(const std::uint16_t* w) {
  const hn::RebindToUnsigned<F> d32;
  const hn::Rebind<std::uint16_t, F> d16;
  return hn::BitCast(F(), hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, w))));
}

HWY_INLINE hn::Vec<F> Widened(const std::int8_t* w) {
  const hn::Rebind<std::int8_t, F> d8;
  return hn::ConvertTo(F(), hn::PromoteTo(I32(), hn::LoadU(d8, w)));
}

HWY_INLINE float One(float w) { return w; }
HWY_INLINE float One(std::uint16_t w) {
  const auto bits = static_cast<std::uint32_t>(w) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
HWY_INLINE float One(std::int8_t w) { return static_cast<float>(w); }

// y[i * ldy] = x[i, :k] w[:k] of four rows (a row that is not there repeats another). The order of
// the sums is the same for each row.
template <typename W>
HWY_INLINE void Dots(const float* const* x, const W* w, std::int64_t k, float* y) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const float* x0 = x[0];
  const float* x1 = x[1];
  const float* x2 = x[2];
  const float* x3 = x[3];
  auto a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  std::int64_t i = 0;
  for (; i + 2 * lanes <= k; i += 2 * lanes) {
    const auto v = Widened(w + i);
    const auto u = Widened(w + i + lanes);
    a0 = hn::MulAdd(v, hn::LoadU(d, x0 + i), a0);
    b0 = hn::MulAdd(u, hn::LoadU(d, x0 + i + lanes), b0);
    a1 = hn::MulAdd(v, hn::LoadU(d, x1 + i), a1);
    b1 = hn::MulAdd(u, hn::LoadU(d, x1 + i + lanes), b1);
    a2 = hn::MulAdd(v, hn::LoadU(d, x2 + i), a2);
    b2 = hn::MulAdd(u, hn::LoadU(d, x2 + i + lanes), b2);
    a3 = hn::MulAdd(v, hn::LoadU(d, x3 + i), a3);
    b3 = hn::MulAdd(u, hn::LoadU(d, x3 + i + lanes), b3);
  }
  y[0] = hn::GetLane(hn::SumOfLanes(d, hn::Add(a0, b0)));
  y[1] = hn::GetLane(hn::SumOfLanes(d, hn::Add(a1, b1)));
  y[2] = hn::GetLane(hn::SumOfLanes(d, hn::Add(a2, b2)));
  y[3] = hn::GetLane(hn::SumOfLanes(d, hn::Add(a3, b3)));
  for (; i < k; ++i) {
    const float value = One(w[i]);
    y[0] += x0[i] * value;
    y[1] += x1[i] * value;
    y[2] += x2[i] * value;
    y[3] += x3[i] * value;
  }
}

// One row, with the sums of Dots.
template <typename W>
HWY_INLINE float Dot(const float* x, const W* w, std::int64_t k) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = a;
  std::int64_t i = 0;
  for (; i + 2 * lanes <= k; i += 2 * lanes) {
    a = hn::MulAdd(Widened(w + i), hn::LoadU(d, x + i), a);
    b = hn::MulAdd(Widened(w + i + lanes), hn::LoadU(d, x + i + lanes), b);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
  for (; i < k; ++i) sum += x[i] * One(w[i]);
  return sum;
}

// y[m, n] for columns [begin, end) of it.
template <typename W>
HWY_INLINE void Columns(const float* x, const W* w, float* y, std::int64_t m, std::int64_t n,
                        std::int64_t k, std::int64_t begin, std::int64_t end) {
  for (std::int64_t c = begin; c < end; ++c) {
    const W* line = w + c * k;
    if (m == 1) {
      y[c] = Dot(x, line, k);
      continue;
    }
    for (std::int64_t r = 0; r < m; r += 4) {
      const float* rows[4];
      float sums[4];
      for (std::int64_t i = 0; i < 4; ++i) rows[i] = x + (r + i < m ? r + i : r) * k;
      Dots(rows, line, k, sums);
      for (std::int64_t i = 0; i < 4 && r + i < m; ++i) y[(r + i) * n + c] = sums[i];
    }
  }
}

void ColumnsF32(const float* x, const float* w, float* y, std::int64_t m, std::int64_t n,
                std::int64_t k, std::int64_t begin, std::int64_t end) {
  Columns(x, w, y, m, n, k, begin, end);
}

void ColumnsBf16(const float* x, const std::uint16_t* w, float* y, std::int64_t m, std::int64_t n,
                 std::int64_t k, std::int64_t begin, std::int64_t end) {
  Columns(x, w, y, m, n, k, begin, end);
}

void ColumnsF32S8(const float* x, const std::int8_t* w, float* y, std::int64_t m, std::int64_t n,
                  std::int64_t k, std::int64_t begin, std::int64_t end) {
  Columns(x, w, y, m, n, k, begin, end);
}

#if HWY_TARGET == HWY_SCALAR

HWY_INLINE std::int32_t DotS8(const std::int16_t* x, const std::int8_t* w, std::int64_t k) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < k; ++i) sum += x[i] * w[i];
  return sum;
}

HWY_INLINE void DotsS8(const std::int16_t* const* x, const std::int8_t* w, std::int64_t k,
                       std::int32_t* y) {
  for (std::int64_t i = 0; i < 8; ++i) y[i] = DotS8(x[i / 2], w + i % 2 * k, k);
}

#else

using I16 = hn::Repartition<std::int16_t, I32>;

HWY_INLINE hn::Vec<I16> Widened16(const std::int8_t* w) {
  const hn::Rebind<std::int8_t, I16> d8;
  return hn::PromoteTo(I16(), hn::LoadU(d8, w));
}

// Sums of products of pairs; targets without a pairwise product keep the upper lanes in `odd`.
struct PairSums {
  hn::Vec<I32> even;
  hn::Vec<I32> odd;
};

HWY_INLINE PairSums NoSums() { return {hn::Zero(I32()), hn::Zero(I32())}; }

HWY_INLINE void AddPairs(hn::Vec<I16> w, hn::Vec<I16> x, PairSums& sums) {
  sums.even = hn::ReorderWidenMulAccumulate(I32(), w, x, sums.even, sums.odd);
}

HWY_INLINE hn::Vec<I32> Joined(const PairSums& sums) {
  return hn::RearrangeToOddPlusEven(sums.even, sums.odd);
}

HWY_INLINE std::int32_t Whole(const PairSums& sums) {
  return hn::GetLane(hn::SumOfLanes(I32(), Joined(sums)));
}

HWY_INLINE std::int32_t DotS8(const std::int16_t* x, const std::int8_t* w, std::int64_t k) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(I16()));
  PairSums a = NoSums();
  PairSums b = NoSums();
  std::int64_t i = 0;
  for (; i + 2 * lanes <= k; i += 2 * lanes) {
    AddPairs(Widened16(w + i), hn::LoadU(I16(), x + i), a);
    AddPairs(Widened16(w + i + lanes), hn::LoadU(I16(), x + i + lanes), b);
  }
  std::int32_t sum = hn::GetLane(hn::SumOfLanes(I32(), hn::Add(Joined(a), Joined(b))));
  for (; i < k; ++i) sum += x[i] * w[i];
  return sum;
}

// y[4][2] of four rows and two columns.
HWY_INLINE void DotsS8(const std::int16_t* const* x, const std::int8_t* w, std::int64_t k,
                       std::int32_t* y) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(I16()));
  const std::int8_t* u = w + k;
  const std::int16_t* x0 = x[0];
  const std::int16_t* x1 = x[1];
  const std::int16_t* x2 = x[2];
  const std::int16_t* x3 = x[3];
  PairSums a0 = NoSums(), b0 = NoSums();
  PairSums a1 = NoSums(), b1 = NoSums();
  PairSums a2 = NoSums(), b2 = NoSums();
  PairSums a3 = NoSums(), b3 = NoSums();
  std::int64_t i = 0;
  for (; i + lanes <= k; i += lanes) {
    const auto v0 = Widened16(w + i);
    const auto v1 = Widened16(u + i);
    auto row = hn::LoadU(I16(), x0 + i);
    AddPairs(v0, row, a0);
    AddPairs(v1, row, b0);
    row = hn::LoadU(I16(), x1 + i);
    AddPairs(v0, row, a1);
    AddPairs(v1, row, b1);
    row = hn::LoadU(I16(), x2 + i);
    AddPairs(v0, row, a2);
    AddPairs(v1, row, b2);
    row = hn::LoadU(I16(), x3 + i);
    AddPairs(v0, row, a3);
    AddPairs(v1, row, b3);
  }
  y[0] = Whole(a0);
  y[1] = Whole(b0);
  y[2] = Whole(a1);
  y[3] = Whole(b1);
  y[4] = Whole(a2);
  y[5] = Whole(b2);
  y[6] = Whole(a3);
  y[7] = Whole(b3);
  for (; i < k; ++i)
    for (std::int64_t r = 0; r < 4; ++r) {
      y[2 * r] += x[r][i] * w[i];
      y[2 * r + 1] += x[r][i] * u[i];
    }
}

#endif

// `x`: codes with 16 bits each. The sums are exact: their order does not count.
void ColumnsS8(const std::int16_t* x, const std::int8_t* w, std::int32_t* y, std::int64_t m,
               std::int64_t n, std::int64_t k, std::int64_t begin, std::int64_t end) {
  std::int64_t c = begin;
  if (m >= 3)  // a row that is not there repeats another
    for (; c + 2 <= end; c += 2)
      for (std::int64_t r = 0; r < m; r += 4) {
        const std::int16_t* rows[4];
        std::int32_t sums[8];
        for (std::int64_t i = 0; i < 4; ++i) rows[i] = x + (r + i < m ? r + i : r) * k;
        DotsS8(rows, w + c * k, k, sums);
        for (std::int64_t i = 0; i < 4 && r + i < m; ++i) {
          y[(r + i) * n + c] = sums[2 * i];
          y[(r + i) * n + c + 1] = sums[2 * i + 1];
        }
      }
  for (; c < end; ++c)
    for (std::int64_t r = 0; r < m; ++r) y[r * n + c] = DotS8(x + r * k, w + c * k, k);
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {
namespace {

HWY_EXPORT(ColumnsF32);
HWY_EXPORT(ColumnsBf16);
HWY_EXPORT(ColumnsF32S8);
HWY_EXPORT(ColumnsS8);

constexpr std::int64_t kColumns = 64;       // of a task: at least,
constexpr std::int64_t kMostColumns = 512;  // and at most
constexpr std::int64_t kFilledRows = 16;    // of w, made and used while they are in the cache

// Columns of a task when there are `n`: a thread reads long stretches of memory in order, and all
// have work.
std::int64_t task_columns(std::int64_t n) {
  const std::int64_t share = n / (8 * thread_count()) / kColumns * kColumns;
  return std::clamp(share, kColumns, kMostColumns);
}

}  // namespace

void few_rows_f32(const float* x, const float* w, float* y, std::int64_t m, std::int64_t n,
                  std::int64_t k) {
  parallel_ranges(n, task_columns(n), [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(ColumnsF32)(x, w, y, m, n, k, begin, end);
  });
}

void few_rows_bf16(const float* x, const std::uint16_t* w, float* y, std::int64_t m, std::int64_t n,
                   std::int64_t k) {
#ifdef __x86_64__
  if (has_avx512_bf16()) {
    std::vector<std::uint16_t> rows(static_cast<std::size_t>(m * k));
    bf16_round(x, rows.data(), m * k);
    parallel_ranges(n, task_columns(n), [&](std::int64_t begin, std::int64_t end) {
      bf16_dots(m, rows.data(), w + begin * k, end - begin, k, y + begin, n);
    });
    return;
  }
#endif
  parallel_ranges(n, task_columns(n), [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(ColumnsBf16)(x, w, y, m, n, k, begin, end);
  });
}

void few_rows_f32_s8(const float* x, const std::int8_t* w, float* y, std::int64_t m, std::int64_t n,
                     std::int64_t k) {
  parallel_ranges(n, task_columns(n), [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(ColumnsF32S8)(x, w, y, m, n, k, begin, end);
  });
}

void few_rows_s8(const std::int8_t* x, const std::int8_t* w, std::int32_t* y, std::int64_t m,
                 std::int64_t n, std::int64_t k) {
  const auto wide = std::make_unique_for_overwrite<std::int16_t[]>(static_cast<std::size_t>(m * k));
  std::copy_n(x, m * k, wide.get());
  parallel_ranges(n, task_columns(n), [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(ColumnsS8)(wide.get(), w, y, m, n, k, begin, end);
  });
}

void few_rows_filled(const float* x, const std::function<void(std::int64_t, float*)>& fill,
                     float* y, std::int64_t m, std::int64_t n, std::int64_t k) {
  parallel_ranges(n, kFilledRows, [&](std::int64_t begin, std::int64_t end) {
    thread_local std::vector<float> w;
    w.resize(static_cast<std::size_t>(kFilledRows * k));
    for (std::int64_t c = begin; c < end; ++c) fill(c, w.data() + (c - begin) * k);
    HWY_DYNAMIC_DISPATCH(ColumnsF32)(x, w.data(), y + begin, m, n, k, 0, end - begin);
  });
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
