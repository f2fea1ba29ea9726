// x is copied, kDepth rows at a time, into panels of 3L columns (L: lanes of a vector):
// [panel][row][column]. Both sides of the product are read from there. One step of the inner loop
// multiplies kTileRows columns of one panel with all columns of another.
#include "kernels/gram.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/gram.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;

// Divides 3L; twelve sums and four operands fill sixteen registers.
constexpr std::int64_t kTileRows = HWY_TARGET == HWY_SCALAR ? 3 : 4;

std::int64_t PanelWidth() { return 3 * static_cast<std::int64_t>(hn::Lanes(F())); }

// Columns [begin, begin + PanelWidth()) of x; those behind `width` count as zeros.
void PackPanel(const float* x, std::int64_t rows, std::int64_t width, std::int64_t begin,
               float* panel) {
  const std::int64_t wide = PanelWidth();
  const std::int64_t columns = std::min(wide, width - begin);
  for (std::int64_t r = 0; r < rows; ++r) {
    std::copy_n(x + r * width + begin, columns, panel + r * wide);
    std::fill(panel + r * wide + columns, panel + (r + 1) * wide, 0.0F);
  }
}

// h[kTileRows, 3L] += left^T right over `depth` rows; `left` begins at the tile's first column.
void AddTile(const float* left, const float* right, std::int64_t depth, float* h,
             std::int64_t ldh) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t wide = 3 * lanes;
  auto s00 = hn::Zero(d), s01 = s00, s02 = s00, s10 = s00, s11 = s00, s12 = s00, s20 = s00,
       s21 = s00, s22 = s00, s30 = s00, s31 = s00, s32 = s00;
  for (std::int64_t k = 0; k < depth; ++k, left += wide, right += wide) {
    const auto r0 = hn::LoadU(d, right);
    const auto r1 = hn::LoadU(d, right + lanes);
    const auto r2 = hn::LoadU(d, right + 2 * lanes);
    auto v = hn::Set(d, left[0]);
    s00 = hn::MulAdd(v, r0, s00);
    s01 = hn::MulAdd(v, r1, s01);
    s02 = hn::MulAdd(v, r2, s02);
    v = hn::Set(d, left[1]);
    s10 = hn::MulAdd(v, r0, s10);
    s11 = hn::MulAdd(v, r1, s11);
    s12 = hn::MulAdd(v, r2, s12);
    v = hn::Set(d, left[2]);
    s20 = hn::MulAdd(v, r0, s20);
    s21 = hn::MulAdd(v, r1, s21);
    s22 = hn::MulAdd(v, r2, s22);
    if constexpr (kTileRows == 4) {
      v = hn::Set(d, left[3]);
      s30 = hn::MulAdd(v, r0, s30);
      s31 = hn::MulAdd(v, r1, s31);
      s32 = hn::MulAdd(v, r2, s32);
    }
  }
  const auto add = [&](float* to, hn::Vec<F> a, hn::Vec<F> b, hn::Vec<F> c) {
    hn::StoreU(hn::Add(hn::LoadU(d, to), a), d, to);
    hn::StoreU(hn::Add(hn::LoadU(d, to + lanes), b), d, to + lanes);
    hn::StoreU(hn::Add(hn::LoadU(d, to + 2 * lanes), c), d, to + 2 * lanes);
  };
  add(h, s00, s01, s02);
  add(h + ldh, s10, s11, s12);
  add(h + 2 * ldh, s20, s21, s22);
  if constexpr (kTileRows == 4) add(h + 3 * ldh, s30, s31, s32);
}

// h[:end, panel's columns] from the packed panels, down to the diagonal.
void AddColumns(const float* panels, std::int64_t panel, std::int64_t depth, std::int64_t width,
                float* h) {
  const std::int64_t wide = PanelWidth();
  const std::int64_t begin = panel * wide;
  const std::int64_t end = std::min(width, begin + wide);
  const float* right = panels + panel * depth * wide;
  const auto edge = std::make_unique<float[]>(static_cast<std::size_t>(kTileRows * wide));
  for (std::int64_t row = 0; row < end; row += kTileRows) {
    const float* left = panels + row / wide * depth * wide + row % wide;
    const std::int64_t rows = std::min(kTileRows, width - row);
    if (rows == kTileRows && begin + wide <= width) {
      AddTile(left, right, depth, h + row * width + begin, width);
      continue;
    }
    std::fill_n(edge.get(), kTileRows * wide, 0.0F);
    AddTile(left, right, depth, edge.get(), wide);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = begin; c < end; ++c)
        h[(row + r) * width + c] += edge[static_cast<std::size_t>(r * wide + c - begin)];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {

HWY_EXPORT(PanelWidth);
HWY_EXPORT(PackPanel);
HWY_EXPORT(AddColumns);

void add_gram_columns(const float* x, std::int64_t rows, std::int64_t width,
                      std::int64_t first_column, std::int64_t end_column, float* h) {
  constexpr std::int64_t kDepth = 256;
  const std::int64_t wide = HWY_DYNAMIC_DISPATCH(PanelWidth)();
  const std::int64_t first = first_column / wide;
  const std::int64_t count = (end_column + wide - 1) / wide;
  const std::int64_t deepest = std::min(kDepth, rows);
  const auto panels = std::make_unique<float[]>(static_cast<std::size_t>(count * wide * deepest));
  for (std::int64_t begin = 0; begin < rows; begin += kDepth) {
    const std::int64_t depth = std::min(kDepth, rows - begin);
    parallel_for(count, [&](std::int64_t panel) {
      HWY_DYNAMIC_DISPATCH(PackPanel)
      (x + begin * width, depth, width, panel * wide, panels.get() + panel * depth * wide);
    });
    // The longest columns first, so that the threads end together.
    parallel_for(count - first, [&](std::int64_t item) {
      HWY_DYNAMIC_DISPATCH(AddColumns)(panels.get(), count - 1 - item, depth, width, h);
    });
  }
}

void add_gram(const float* x, std::int64_t rows, std::int64_t width, float* h) {
  add_gram_columns(x, rows, width, 0, width, h);
}

std::int64_t gram_border(std::int64_t width, int index, int parts) {
  const std::int64_t wide = HWY_DYNAMIC_DISPATCH(PanelWidth)();
  const double share = std::sqrt(static_cast<double>(index) / parts);
  const auto panel = static_cast<std::int64_t>(
      std::lround(static_cast<double>((width + wide - 1) / wide) * share));
  return std::min(width, panel * wide);
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
