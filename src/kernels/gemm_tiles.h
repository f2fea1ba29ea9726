#pragma once
// How a product is cut into tiles, whatever library multiplies them: by the shapes alone, each tile
// is one thread's.

#include <algorithm>
#include <cstdint>

#include "base/threads.h"

namespace msmodelslim {

inline constexpr std::int64_t kTileRows = 512;
inline constexpr std::int64_t kTileCols = 512;

// body(row, rows, col, cols) for every tile of an [m,n] matrix, on all threads.
template <typename Body>
void for_each_tile(std::int64_t m, std::int64_t n, const Body& body) {
  const std::int64_t row_tiles = (m + kTileRows - 1) / kTileRows;
  const std::int64_t col_tiles = (n + kTileCols - 1) / kTileCols;
  parallel_for(row_tiles * col_tiles, [&](std::int64_t tile) {
    const std::int64_t row = tile % row_tiles * kTileRows;
    const std::int64_t col = tile / row_tiles * kTileCols;
    body(row, std::min(kTileRows, m - row), col, std::min(kTileCols, n - col));
  });
}

}  // namespace msmodelslim
