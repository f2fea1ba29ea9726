#pragma once
// How a product is cut into tiles, whatever library multiplies them: by the shapes alone, each tile
// is one thread's.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/threads.h"

namespace msmodelslim {

// One side of a product, cut into the fewest pieces of at most 512 that are as equal as multiples
// of 16 can be: a small last one would leave threads without work.
struct TileCut {
  explicit TileCut(std::int64_t length)
      : count((length + kMost - 1) / kMost),
        size(count == 0 ? 0 : std::min(length, ((length + count - 1) / count + 15) / 16 * 16)),
        last(length - (count - 1) * size) {}
  static constexpr std::int64_t kMost = 512;
  std::int64_t count;
  std::int64_t size;  // of all but the last
  std::int64_t last;
  std::int64_t size_of(std::int64_t tile) const { return tile + 1 < count ? size : last; }
};

// body(product, row, rows, col, cols) for every tile of [m,n] matrices, one for each n, on all
// threads.
template <typename Body>
void for_each_tile(std::int64_t m, const std::vector<std::int64_t>& n, const Body& body) {
  struct Column {
    std::size_t product;
    std::int64_t col, cols;
  };
  std::vector<Column> columns;
  for (std::size_t product = 0; product < n.size(); ++product) {
    const TileCut cut(n[product]);
    for (std::int64_t tile = 0; tile < cut.count; ++tile)
      columns.push_back({product, tile * cut.size, cut.size_of(tile)});
  }
  const TileCut rows(m);
  parallel_for(rows.count * static_cast<std::int64_t>(columns.size()), [&](std::int64_t tile) {
    const std::int64_t row = tile % rows.count;
    const Column& column = columns[static_cast<std::size_t>(tile / rows.count)];
    body(column.product, row * rows.size, rows.size_of(row), column.col, column.cols);
  });
}

// The same of one matrix: body(row, rows, col, cols).
template <typename Body>
void for_each_tile(std::int64_t m, std::int64_t n, const Body& body) {
  for_each_tile(m, std::vector<std::int64_t>{n},
                [&](std::size_t, std::int64_t row, std::int64_t rows, std::int64_t col,
                    std::int64_t cols) { body(row, rows, col, cols); });
}

}  // namespace msmodelslim
