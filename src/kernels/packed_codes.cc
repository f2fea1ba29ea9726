#include "kernels/packed_codes.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "base/threads.h"
#include "kernels/x86/vnni_tile.h"
#ifdef __x86_64__
#include "kernels/x86/features.h"
#endif

namespace msmodelslim {
namespace {

static_assert(PackedCodes::kColumns == kVnniCols);

constexpr std::int64_t kQuad = 4;
constexpr std::int64_t kChunkRows = 32 * kVnniRows;  // of x per task, at most
constexpr std::int64_t kTaskTiles = 24;              // a task has that many, if that leaves
constexpr std::int64_t kPiecesPerThread = 4;         // pieces for every thread, or one panel

// panel[quads][32][4] of `cols` rows of w.
void pack_8bit(const std::int8_t* w, std::int64_t cols, std::int64_t in, std::int8_t* panel) {
  const std::int64_t whole = in / kQuad;
  if (cols < kVnniCols || in % kQuad != 0)
    std::memset(panel, 0, static_cast<std::size_t>((in + 3) / kQuad * kVnniCols * kQuad));
  for (std::int64_t q = 0; q < whole; ++q)
    for (std::int64_t c = 0; c < cols; ++c)
      std::memcpy(panel + (q * kVnniCols + c) * kQuad, w + c * in + q * kQuad, kQuad);
  for (std::int64_t c = 0; c < cols; ++c)
    std::copy(w + c * in + whole * kQuad, w + (c + 1) * in,
              panel + (whole * kVnniCols + c) * kQuad);
}

// The panel's columns 0..15 in the low, 16..31 in the high halves of its bytes.
void halve(const std::int8_t* wide, std::int64_t quads, std::int8_t* panel) {
  constexpr std::int64_t kHalf = kVnniCols * kQuad / 2;
  for (std::int64_t q = 0; q < quads; ++q, wide += 2 * kHalf, panel += kHalf)
    for (std::int64_t i = 0; i < kHalf; ++i)
      panel[i] = static_cast<std::int8_t>((wide[i] & 15) | (wide[i + kHalf] << 4));
}

void pack_rows([[maybe_unused]] const std::int8_t* x, [[maybe_unused]] std::int64_t rows,
               [[maybe_unused]] std::int64_t in, [[maybe_unused]] std::uint8_t* packed) {
#ifdef __x86_64__
  vnni_pack_rows(x, rows, in, packed);
#endif
}

std::int64_t panel_bytes(std::int64_t quads, int bits) {
  return quads * kVnniCols * kQuad * bits / 8;
}

}  // namespace

bool PackedCodes::available() {
#ifdef __x86_64__
  return has_avx512_vnni();
#else
  return false;
#endif
}

std::size_t PackedCodes::bytes(std::int64_t out, std::int64_t in, int bits) {
  const std::int64_t panels = (out + kColumns - 1) / kColumns;
  const std::int64_t starts = kColumns * static_cast<std::int64_t>(sizeof(std::int32_t));
  return static_cast<std::size_t>(panels * (panel_bytes((in + 3) / kQuad, bits) + starts));
}

PackedCodes::PackedCodes(const std::int8_t* codes, std::int64_t out, std::int64_t in, int bits,
                         void* memory)
    : out_(out), in_(in), bits_(bits) {
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
      start[c] = -128 * sum;
    }
  });
}

// Rows [row, end) of x, which `packed` holds as pack_rows makes them of every kVnniRows, times
// panels [first, last).
void PackedCodes::multiply_panels(const std::uint8_t* packed, std::int64_t row, std::int64_t end,
                                  std::int64_t first, std::int64_t last,
                                  const TakeSums& take) const {
#ifdef __x86_64__
  const auto tile = bits_ == 8 ? vnni_tile_8bit : vnni_tile_4bit;
#else
  const auto tile = [](auto...) {};
#endif
  std::int32_t sums[kVnniRows * kVnniCols];
  for (std::int64_t p = first; p < last; ++p)
    for (std::int64_t r = row; r < end; r += kVnniRows) {
      const std::int64_t count = std::min(kVnniRows, end - r);
      tile(count, packed + r * quads() * kQuad, memory_ + p * panel_bytes(quads(), bits_), quads(),
           starts_ + p * kColumns, sums);
      take(r, p * kColumns, {sums, count, std::min(kColumns, out_ - p * kColumns), kVnniCols});
    }
}

void PackedCodes::multiply(const std::vector<Product>& products, const std::int8_t* x,
                           std::int64_t rows) {
  const std::int64_t in = products.front().weight->in_;
  const std::int64_t row_bytes = products.front().weight->quads() * kQuad;
  thread_local std::unique_ptr<std::uint8_t[]> memory;  // kept from call to call
  thread_local std::int64_t size = 0;
  if (const std::int64_t needed = row_bytes * rows; needed > size) {
    memory = std::make_unique_for_overwrite<std::uint8_t[]>(static_cast<std::size_t>(needed));
    size = needed;
  }
  std::uint8_t* packed = memory.get();
  const std::int64_t blocks = (rows + kVnniRows - 1) / kVnniRows;
  parallel_for(blocks, [&](std::int64_t block) {
    const std::int64_t row = block * kVnniRows;
    pack_rows(x + row * in, std::min(kVnniRows, rows - row), in, packed + row * row_bytes);
  });
  std::int64_t panels = 0;
  for (const Product& product : products) panels += product.weight->panels();
  const std::int64_t pieces = kPiecesPerThread * thread_count();
  const std::int64_t share = (panels + pieces - 1) / pieces;
  const std::int64_t grain =
      blocks == 1 ? share : std::clamp<std::int64_t>(kTaskTiles / blocks, 1, share);
  struct Task {
    const Product* product;
    std::int64_t first;
  };
  std::vector<Task> tasks;
  for (const Product& product : products)
    for (std::int64_t p = 0; p < product.weight->panels(); p += grain)
      tasks.push_back({&product, p});
  const std::int64_t chunks = (rows + kChunkRows - 1) / kChunkRows;
  const std::int64_t chunk_rows = (blocks + chunks - 1) / chunks * kVnniRows;
  parallel_for(chunks * static_cast<std::int64_t>(tasks.size()), [&](std::int64_t i) {
    const std::int64_t row = i % chunks * chunk_rows;
    const auto& [product, first] = tasks[static_cast<std::size_t>(i / chunks)];
    product->weight->multiply_panels(packed, row, std::min(rows, row + chunk_rows), first,
                                     std::min(product->weight->panels(), first + grain),
                                     product->take);
  });
}

}  // namespace msmodelslim
