// matmul_s8: pairs of codes, widened to 16 bits, are multiplied and joined in 32 bits (pmaddwd and
// its relatives), so no sum ever saturates. oneDNN's 8-bit products on processors without VNNI do;
// where they are exact they are used.
//
// A panel holds 2L columns of w (L: 32-bit lanes of a vector): [pair][column][2]. One step of the
// inner loop multiplies one pair of four rows of x with the panel's pair.
#include <algorithm>
#include <memory>

#include "base/threads.h"
#include "kernels/gemm.h"
#include "kernels/gemv.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gemm_s8.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D32 = hn::ScalableTag<std::int32_t>;

#if HWY_TARGET == HWY_SCALAR

void WidenS8(const std::int8_t* from, std::int16_t* to, std::int64_t count) {
  std::copy_n(from, count, to);
}

void PackPanel(const std::int16_t* wide, std::int64_t cols, std::int64_t pairs,
               std::int32_t* panel) {
  const auto* from = reinterpret_cast<const std::int32_t*>(wide);
  for (std::int64_t p = 0; p < pairs; ++p)
    for (std::int64_t c = 0; c < 2; ++c) panel[p * 2 + c] = c < cols ? from[c * pairs + p] : 0;
}

void PanelProduct(const std::int32_t* const* x, const std::int32_t* panel, std::int64_t pairs,
                  std::int32_t* out) {
  const auto* w = reinterpret_cast<const std::int16_t*>(panel);
  for (std::int64_t i = 0; i < 8; ++i) {
    const auto* row = reinterpret_cast<const std::int16_t*>(x[i / 2]);
    out[i] = 0;
    for (std::int64_t p = 0; p < pairs; ++p)
      out[i] += row[2 * p] * w[4 * p + i % 2 * 2] + row[2 * p + 1] * w[4 * p + i % 2 * 2 + 1];
  }
}

#else

using D16 = hn::Repartition<std::int16_t, D32>;

void WidenS8(const std::int8_t* from, std::int16_t* to, std::int64_t count) {
  const D16 d16;
  const hn::Rebind<std::int8_t, D16> d8;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d16));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(hn::PromoteTo(d16, hn::LoadU(d8, from + i)), d16, to + i);
  for (; i < count; ++i) to[i] = from[i];
}

// to[p * stride + c] = from[c * pairs + p] of four columns, four pairs at a time.
void Transpose4(const std::int32_t* from, std::int64_t pairs, std::int64_t stride,
                std::int32_t* to) {
  const hn::FixedTag<std::int32_t, 4> d32;
  const hn::Repartition<std::int64_t, decltype(d32)> d64;
  std::int64_t p = 0;
  for (; p + 4 <= pairs; p += 4) {
    const auto a = hn::LoadU(d32, from + p);
    const auto b = hn::LoadU(d32, from + pairs + p);
    const auto c = hn::LoadU(d32, from + 2 * pairs + p);
    const auto e = hn::LoadU(d32, from + 3 * pairs + p);
    const auto ab_low = hn::BitCast(d64, hn::InterleaveLower(d32, a, b));
    const auto ab_high = hn::BitCast(d64, hn::InterleaveUpper(d32, a, b));
    const auto ce_low = hn::BitCast(d64, hn::InterleaveLower(d32, c, e));
    const auto ce_high = hn::BitCast(d64, hn::InterleaveUpper(d32, c, e));
    std::int32_t* line = to + p * stride;
    hn::StoreU(hn::BitCast(d32, hn::InterleaveLower(d64, ab_low, ce_low)), d32, line);
    hn::StoreU(hn::BitCast(d32, hn::InterleaveUpper(d64, ab_low, ce_low)), d32, line + stride);
    hn::StoreU(hn::BitCast(d32, hn::InterleaveLower(d64, ab_high, ce_high)), d32,
               line + 2 * stride);
    hn::StoreU(hn::BitCast(d32, hn::InterleaveUpper(d64, ab_high, ce_high)), d32,
               line + 3 * stride);
  }
  for (; p < pairs; ++p)
    for (std::int64_t c = 0; c < 4; ++c) to[p * stride + c] = from[c * pairs + p];
}

// panel[p][c] = pair p of column c. `wide`: the columns, [cols, 2 * pairs]; columns that are not
// there count as zeros.
void PackPanel(const std::int16_t* wide, std::int64_t cols, std::int64_t pairs,
               std::int32_t* panel) {
  const std::int64_t width = 2 * static_cast<std::int64_t>(hn::Lanes(D32()));
  const auto* from = reinterpret_cast<const std::int32_t*>(wide);
  std::int64_t c = 0;
  for (; c + 4 <= cols; c += 4) Transpose4(from + c * pairs, pairs, width, panel + c);
  for (; c < width; ++c)
    for (std::int64_t p = 0; p < pairs; ++p)
      panel[p * width + c] = c < cols ? from[c * pairs + p] : 0;
}

// out[4][2L] = four rows of x times the panel.
void PanelProduct(const std::int32_t* const* x, const std::int32_t* panel, std::int64_t pairs,
                  std::int32_t* out) {
  const D32 d32;
  const D16 d16;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d32));
  const std::int32_t* x0 = x[0];
  const std::int32_t* x1 = x[1];
  const std::int32_t* x2 = x[2];
  const std::int32_t* x3 = x[3];
  // Sums of row r and half h; targets without a pairwise product keep the upper lanes in `t`.
  auto s00 = hn::Zero(d32), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00,
       s31 = s00;
  auto t00 = s00, t01 = s00, t10 = s00, t11 = s00, t20 = s00, t21 = s00, t30 = s00, t31 = s00;
  for (std::int64_t p = 0; p < pairs; ++p) {
    const auto w0 = hn::BitCast(d16, hn::LoadU(d32, panel + p * 2 * lanes));
    const auto w1 = hn::BitCast(d16, hn::LoadU(d32, panel + p * 2 * lanes + lanes));
    auto v = hn::BitCast(d16, hn::Set(d32, x0[p]));
    s00 = hn::ReorderWidenMulAccumulate(d32, w0, v, s00, t00);
    s01 = hn::ReorderWidenMulAccumulate(d32, w1, v, s01, t01);
    v = hn::BitCast(d16, hn::Set(d32, x1[p]));
    s10 = hn::ReorderWidenMulAccumulate(d32, w0, v, s10, t10);
    s11 = hn::ReorderWidenMulAccumulate(d32, w1, v, s11, t11);
    v = hn::BitCast(d16, hn::Set(d32, x2[p]));
    s20 = hn::ReorderWidenMulAccumulate(d32, w0, v, s20, t20);
    s21 = hn::ReorderWidenMulAccumulate(d32, w1, v, s21, t21);
    v = hn::BitCast(d16, hn::Set(d32, x3[p]));
    s30 = hn::ReorderWidenMulAccumulate(d32, w0, v, s30, t30);
    s31 = hn::ReorderWidenMulAccumulate(d32, w1, v, s31, t31);
  }
  const auto store = [&](std::int64_t i, hn::Vec<D32> s, hn::Vec<D32> t) {
    hn::StoreU(hn::RearrangeToOddPlusEven(s, t), d32, out + i * lanes);
  };
  store(0, s00, t00);
  store(1, s01, t01);
  store(2, s10, t10);
  store(3, s11, t11);
  store(4, s20, t20);
  store(5, s21, t21);
  store(6, s30, t30);
  store(7, s31, t31);
}

#endif  // HWY_SCALAR

std::int64_t PanelColumns() { return 2 * static_cast<std::int64_t>(hn::Lanes(D32())); }

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {
namespace {

HWY_EXPORT(WidenS8);
HWY_EXPORT(PackPanel);
HWY_EXPORT(PanelProduct);
HWY_EXPORT(PanelColumns);

constexpr std::int64_t kMicroRows = 4;
constexpr std::int64_t kChunkRows = 512;          // rows of x per task
constexpr std::int64_t kTileCols = 64;            // columns of w per task
constexpr std::int64_t kDepth = 256;              // pairs of a panel that stay in the first cache
constexpr std::int64_t kBlockBytes = 256 * 1024;  // of x, kept close while the panels go by

template <typename T>
std::unique_ptr<T[]> buffer(std::int64_t count) {
  return std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(count));
}

// Rows of codes with 16 bits each, every row filled up with a zero to whole pairs.
void widen_rows(const std::int8_t* from, std::int64_t rows, std::int64_t k, std::int64_t pairs,
                std::int16_t* to) {
  for (std::int64_t r = 0; r < rows; ++r) {
    std::int16_t* row = to + r * 2 * pairs;
    HWY_DYNAMIC_DISPATCH(WidenS8)(from + r * k, row, k);
    if (k % 2 != 0) row[k] = 0;
  }
}

struct Operands {
  const std::int16_t* x;  // [rows, 2 * pairs]
  std::int64_t rows;
  std::int64_t pairs;
  std::int64_t panel_cols;
  std::int32_t* y;
  std::int64_t ldy;
};

// y[rows, col..] of one panel; in pieces of the depth, of which the first sets and others add.
void multiply_panel(const Operands& in, const std::int32_t* panel, std::int64_t cols,
                    std::int64_t begin, std::int64_t end, std::int32_t* y) {
  const auto sums = buffer<std::int32_t>(kMicroRows * in.panel_cols);
  const std::int64_t pieces = (in.pairs + kDepth - 1) / kDepth;
  const std::int64_t depth = (in.pairs + pieces - 1) / pieces;
  for (std::int64_t p = 0; p < in.pairs; p += depth)
    for (std::int64_t r = begin; r < end; r += kMicroRows) {
      const std::int64_t rows = std::min(kMicroRows, end - r);
      const std::int32_t* lines[kMicroRows];  // rows that are not there repeat the last
      for (std::int64_t i = 0; i < kMicroRows; ++i)
        lines[i] = reinterpret_cast<const std::int32_t*>(in.x) +
                   (r + std::min(i, rows - 1)) * in.pairs + p;
      HWY_DYNAMIC_DISPATCH(PanelProduct)
      (lines, panel + p * in.panel_cols, std::min(depth, in.pairs - p), sums.get());
      for (std::int64_t i = 0; i < rows; ++i) {
        const std::int32_t* from = sums.get() + i * in.panel_cols;
        std::int32_t* to = y + (r + i) * in.ldy;
        for (std::int64_t c = 0; c < cols; ++c) to[c] = p == 0 ? from[c] : to[c] + from[c];
      }
    }
}

void multiply_tile(const Operands& in, const std::int8_t* w, std::int64_t cols, std::int64_t k) {
  const std::int64_t panels = (cols + in.panel_cols - 1) / in.panel_cols;
  const std::int64_t panel_size = in.pairs * in.panel_cols;
  const auto wide = buffer<std::int16_t>(2 * panel_size);
  const auto packed = buffer<std::int32_t>(panels * panel_size);
  const auto width = [&](std::int64_t p) {
    return std::min(in.panel_cols, cols - p * in.panel_cols);
  };
  for (std::int64_t p = 0; p < panels; ++p) {
    widen_rows(w + p * in.panel_cols * k, width(p), k, in.pairs, wide.get());
    HWY_DYNAMIC_DISPATCH(PackPanel)
    (wide.get(), width(p), in.pairs, packed.get() + p * panel_size);
  }
  const std::int64_t step =
      std::max(kMicroRows, kBlockBytes / (in.pairs * 4) / kMicroRows * kMicroRows);
  for (std::int64_t r = 0; r < in.rows; r += step)
    for (std::int64_t p = 0; p < panels; ++p)
      multiply_panel(in, packed.get() + p * panel_size, width(p), r, std::min(in.rows, r + step),
                     in.y + p * in.panel_cols);
}

}  // namespace

void matmul_s8(const std::int8_t* x, const std::int8_t* w, std::int32_t* y, std::int64_t m,
               std::int64_t n, std::int64_t k) {
  if (m <= kFewCodeRows) {
    few_rows_s8(x, w, y, m, n, k);
    return;
  }
  if (has_s8_products()) {
    native_matmul_s8(x, w, y, m, n, k);
    return;
  }
  const std::int64_t pairs = (k + 1) / 2;
  const auto wide = buffer<std::int16_t>(m * 2 * pairs);
  parallel_ranges(m, 64, [&](std::int64_t begin, std::int64_t end) {
    widen_rows(x + begin * k, end - begin, k, pairs, wide.get() + begin * 2 * pairs);
  });
  const std::int64_t panel_cols = HWY_DYNAMIC_DISPATCH(PanelColumns)();
  const std::int64_t chunks = (m + kChunkRows - 1) / kChunkRows;
  const std::int64_t tiles = (n + kTileCols - 1) / kTileCols;
  parallel_for(chunks * tiles, [&](std::int64_t task) {
    const std::int64_t row = task % chunks * kChunkRows;
    const std::int64_t col = task / chunks * kTileCols;
    const Operands in{wide.get() + row * 2 * pairs,
                      std::min(kChunkRows, m - row),
                      pairs,
                      panel_cols,
                      y + row * n + col,
                      n};
    multiply_tile(in, w + col * k, std::min(kTileCols, n - col), k);
  });
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
