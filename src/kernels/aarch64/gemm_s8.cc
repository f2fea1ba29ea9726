// 8-bit products with sdot (Arm v8.2 and later, for example Kunpeng 920): w is cut into panels of
// eight columns, [depth / 4][column][4], and every eight rows of x are multiplied with each.
#include <sys/auxv.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/threads.h"
#include "kernels/aarch64/dot_tile.h"
#include "kernels/gemm.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kChunkRows = 512;    // rows of x per task
constexpr std::int64_t kChunkCols = 64;     // columns of w per task
constexpr std::int64_t kCacheDepth = 2048;  // of rows and a panel that stay in the first cache

std::unique_ptr<std::int8_t[]> codes(std::int64_t count) {
  return std::make_unique_for_overwrite<std::int8_t[]>(static_cast<std::size_t>(count));
}

// panel[depth / 4][column][4] of columns [cols, k] of w, zeros behind both.
void pack_panel(const std::int8_t* w, std::int64_t cols, std::int64_t k, std::int64_t depth,
                std::int8_t* panel) {
  std::memset(panel, 0, static_cast<std::size_t>(depth * kDotCols));
  for (std::int64_t c = 0; c < cols; ++c) {
    const std::int8_t* from = w + c * k;
    std::int8_t* to = panel + c * 4;
    std::int64_t d = 0;
    for (; d + 4 <= k; d += 4) std::memcpy(to + d * kDotCols, from + d, 4);
    std::copy(from + d, from + k, to + d * kDotCols);
  }
}

struct Operands {
  const std::int8_t* x;  // [rows, depth]
  std::int64_t rows;
  std::int64_t depth;
  std::int32_t* y;
  std::int64_t ldy;
};

// y[rows, cols] of one panel; of the pieces of the depth the first sets, the others add.
void multiply_panel(const Operands& in, const std::int8_t* panel, std::int64_t cols,
                    std::int32_t* y) {
  std::int32_t sums[kDotRows * kDotCols];
  for (std::int64_t d = 0; d < in.depth; d += kCacheDepth)
    for (std::int64_t r = 0; r < in.rows; r += kDotRows) {
      const std::int64_t rows = std::min(kDotRows, in.rows - r);
      const std::int8_t* lines[kDotRows];  // rows that are not there repeat the last
      for (std::int64_t i = 0; i < kDotRows; ++i)
        lines[i] = in.x + (r + std::min(i, rows - 1)) * in.depth + d;
      dot_tile(lines, panel + d * kDotCols, std::min(kCacheDepth, in.depth - d), sums);
      for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t c = 0; c < cols; ++c) {
          std::int32_t& to = y[(r + i) * in.ldy + c];
          to = sums[i * kDotCols + c] + (d == 0 ? 0 : to);
        }
    }
}

// Rows of whole vectors, filled up with zeros.
std::unique_ptr<std::int8_t[]> padded_rows(const std::int8_t* x, std::int64_t m, std::int64_t k,
                                           std::int64_t depth) {
  auto rows = codes(m * depth);
  parallel_ranges(m, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      std::int8_t* to = std::copy_n(x + r * k, k, rows.get() + r * depth);
      std::fill(to, rows.get() + (r + 1) * depth, std::int8_t{0});
    }
  });
  return rows;
}

}  // namespace

bool has_s8_products() {
  static const bool has = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
  return has;
}

void native_matmul_s8(const std::int8_t* x, const std::int8_t* w, std::int32_t* y, std::int64_t m,
                      std::int64_t n, std::int64_t k) {
  const std::int64_t depth = (k + kDotDepth - 1) / kDotDepth * kDotDepth;
  std::unique_ptr<std::int8_t[]> padded;
  if (depth != k) {
    padded = padded_rows(x, m, k, depth);
    x = padded.get();
  }
  const std::int64_t chunks = (m + kChunkRows - 1) / kChunkRows;
  const std::int64_t tiles = (n + kChunkCols - 1) / kChunkCols;
  parallel_for(chunks * tiles, [&](std::int64_t task) {
    const std::int64_t row = task % chunks * kChunkRows;
    const std::int64_t begin = task / chunks * kChunkCols;
    const std::int64_t end = std::min(n, begin + kChunkCols);
    const Operands in{x + row * depth, std::min(kChunkRows, m - row), depth, y + row * n, n};
    const auto panel = codes(depth * kDotCols);
    for (std::int64_t c = begin; c < end; c += kDotCols) {
      const std::int64_t cols = std::min(kDotCols, end - c);
      pack_panel(w + c * k, cols, k, depth, panel.get());
      multiply_panel(in, panel.get(), cols, in.y + c);
    }
  });
}

}  // namespace msmodelslim
