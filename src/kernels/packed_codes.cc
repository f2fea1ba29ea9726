#include "kernels/packed_codes.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "base/threads.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kQuad = 4;
constexpr std::int64_t kCols = PackedCodes::kColumns;
constexpr std::int64_t kChunkRows = 448;      // of x per task, at most
constexpr std::int64_t kTaskRows = 336;       // a task has so many, panel by panel, if that leaves
constexpr std::int64_t kPiecesPerThread = 4;  // pieces for every thread, or one panel

// panel[quads][32][4] of `cols` rows of w.
void pack_8bit(const std::int8_t* w, std::int64_t cols, std::int64_t in, std::int8_t* panel) {
  const std::int64_t whole = in / kQuad;
  if (cols < kCols || in % kQuad != 0)
    std::memset(panel, 0, static_cast<std::size_t>((in + 3) / kQuad * kCols * kQuad));
  for (std::int64_t q = 0; q < whole; ++q)
    for (std::int64_t c = 0; c < cols; ++c)
      std::memcpy(panel + (q * kCols + c) * kQuad, w + c * in + q * kQuad, kQuad);
  for (std::int64_t c = 0; c < cols; ++c)
    std::copy(w + c * in + whole * kQuad, w + (c + 1) * in, panel + (whole * kCols + c) * kQuad);
}

// The panel's columns 0..15 in the low, 16..31 in the high halves of its bytes.
void halve(const std::int8_t* wide, std::int64_t quads, std::int8_t* panel) {
  constexpr std::int64_t kHalf = kCols * kQuad / 2;
  for (std::int64_t q = 0; q < quads; ++q, wide += 2 * kHalf, panel += kHalf)
    for (std::int64_t i = 0; i < kHalf; ++i)
      panel[i] = static_cast<std::int8_t>((wide[i] & 15) | (wide[i + kHalf] << 4));
}

std::int64_t panel_bytes(std::int64_t quads, int bits) { return quads * kCols * kQuad * bits / 8; }

}  // namespace

std::size_t PackedCodes::bytes(std::int64_t out, std::int64_t in, int bits) {
  const std::int64_t panels = (out + kColumns - 1) / kColumns;
  const std::int64_t starts = kColumns * static_cast<std::int64_t>(sizeof(std::int32_t));
  return static_cast<std::size_t>(panels * (panel_bytes((in + 3) / kQuad, bits) + starts));
}

PackedCodes::PackedCodes(const std::int8_t* codes, std::int64_t out, std::int64_t in, int bits,
                         void* memory, const CodeTile& tile)
    : out_(out), in_(in), bits_(bits), tile_(&tile) {
  auto* panel_memory = static_cast<std::int8_t*>(memory);
  auto* starts =
      reinterpret_cast<std::int32_t*>(panel_memory + panels() * panel_bytes(quads(), bits));
  memory_ = panel_memory;
  starts_ = starts;
  parallel_ranges(panels(), 1, [&](std::int64_t p, std::int64_t) {
    const std::int64_t cols = std::min(kColumns, out_ - p * kColumns);
    const std::int8_t* from = codes + p * kColumns * in_;
    std::int8_t* to = panel_memory + p * panel_bytes(quads(), bits_);
    if (bits_ == 8) {
      pack_8bit(from, cols, in_, to);
    } else {
      std::vector<std::int8_t> wide(static_cast<std::size_t>(panel_bytes(quads(), 8)));
      pack_8bit(from, cols, in_, wide.data());
      halve(wide.data(), quads(), to);
    }
    std::int32_t* start = starts + p * kColumns;
    std::fill(start, start + kColumns, 0);
    for (std::int64_t c = 0; c < cols; ++c) {
      std::int32_t sum = 0;
      for (std::int64_t i = c * in_; i < (c + 1) * in_; ++i) sum += from[i];
      start[c] = -tile.shift * sum;
    }
  });
}

// Rows [row, end) of x, which `packed` holds as pack_rows makes them of every tile's rows, times
// panels [first, last).
void PackedCodes::multiply_panels(const std::uint8_t* packed, std::int64_t row, std::int64_t end,
                                  std::int64_t first, std::int64_t last,
                                  const TakeSums& take) const {
  const auto multiply = bits_ == 8 ? tile_->multiply_8bit : tile_->multiply_4bit;
  std::int32_t sums[CodeTile::kMostRows * kCols];
  for (std::int64_t p = first; p < last; ++p)
    for (std::int64_t r = row; r < end; r += tile_->rows) {
      const std::int64_t count = std::min(tile_->rows, end - r);
      multiply(count, packed + r * quads() * kQuad, memory_ + p * panel_bytes(quads(), bits_),
               quads(), starts_ + p * kCols, sums);
      take(r, p * kCols, {sums, count, std::min(kCols, out_ - p * kCols), kCols});
    }
}

void PackedCodes::multiply(const std::vector<Product>& products, const std::int8_t* x,
                           std::int64_t rows) {
  const std::int64_t in = products.front().weight->in_;
  const std::int64_t row_bytes = products.front().weight->quads() * kQuad;
  const CodeTile& tile = *products.front().weight->tile_;
  thread_local std::unique_ptr<std::uint8_t[]> memory;  // kept from call to call
  thread_local std::int64_t size = 0;
  if (const std::int64_t needed = row_bytes * rows; needed > size) {
    memory = std::make_unique_for_overwrite<std::uint8_t[]>(static_cast<std::size_t>(needed));
    size = needed;
  }
  std::uint8_t* packed = memory.get();
  const std::int64_t blocks = (rows + tile.rows - 1) / tile.rows;
  parallel_for(blocks, [&](std::int64_t block) {
    const std::int64_t row = block * tile.rows;
    tile.pack_rows(x + row * in, std::min(tile.rows, rows - row), in, packed + row * row_bytes);
  });
  std::int64_t panels = 0;
  for (const Product& product : products) panels += product.weight->panels();
  const std::int64_t pieces = kPiecesPerThread * thread_count();
  const std::int64_t share = (panels + pieces - 1) / pieces;
  const std::int64_t grain =
      blocks == 1 ? share : std::clamp<std::int64_t>(kTaskRows / (blocks * tile.rows), 1, share);
  struct Task {
    const Product* product;
    std::int64_t first;
  };
  std::vector<Task> tasks;
  for (const Product& product : products)
    for (std::int64_t p = 0; p < product.weight->panels(); p += grain)
      tasks.push_back({&product, p});
  const std::int64_t chunks = (rows + kChunkRows - 1) / kChunkRows;
  const std::int64_t chunk_rows = (blocks + chunks - 1) / chunks * tile.rows;
  parallel_for(chunks * static_cast<std::int64_t>(tasks.size()), [&](std::int64_t i) {
    const std::int64_t row = i % chunks * chunk_rows;
    const auto& [product, first] = tasks[static_cast<std::size_t>(i / chunks)];
    product->weight->multiply_panels(packed, row, std::min(rows, row + chunk_rows), first,
                                     std::min(product->weight->panels(), first + grain),
                                     product->take);
  });
}

}  // namespace msmodelslim
