#include "kernels/packed_bf16.h"

#include <algorithm>

#include "base/raw_vector.h"
#include "base/threads.h"
#ifdef __x86_64__
#include "kernels/x86/bf16_tile.h"
#include "kernels/x86/features.h"
#endif

namespace msmodelslim {

#ifdef __x86_64__

namespace {

constexpr std::int64_t kPiecesPerThread = 8;      // long stretches of memory, and work for all
constexpr std::int64_t kChunkBytes = 512 * 1024;  // of x, kept close while the panels go by

std::int64_t whole(std::int64_t count, std::int64_t unit) { return (count + unit - 1) / unit; }
std::int64_t pairs_of(std::int64_t in) { return whole(in, 2); }
std::int64_t panels_of(std::int64_t out) { return whole(out, kBf16Cols); }
std::int64_t panel_size(std::int64_t in) { return pairs_of(in) * kBf16Cols * 2; }  // values

// [pairs][32][2] of `cols` rows of w.
void pack_panel(const std::uint16_t* w, std::int64_t cols, std::int64_t in, std::uint16_t* panel) {
  if (in % 2 == 0) {
    bf16_pack_panel(w, cols, in / 2, panel);
    return;
  }
  std::fill_n(panel, panel_size(in), std::uint16_t{0});
  for (std::int64_t i = 0; i < in; ++i)
    for (std::int64_t c = 0; c < cols; ++c)
      panel[(i / 2 * kBf16Cols + c) * 2 + i % 2] = w[c * in + i];
}

// Rows of x rounded, each filled up with a zero to whole pairs.
void round_input(const float* x, std::int64_t rows, std::int64_t in,
                 RawVector<std::uint16_t>& rounded) {
  const std::int64_t line = 2 * pairs_of(in);
  rounded.resize(static_cast<std::size_t>(rows * line));
  for (std::int64_t r = 0; r < rows; ++r) {
    std::uint16_t* to = rounded.data() + r * line;
    to[line - 1] = 0;
    bf16_round(x + r * in, to, in);
  }
}

// y [rows, cols], rows `stride` apart, of rounded rows and a panel.
void multiply_panel(const std::uint16_t* x, std::int64_t rows, const std::uint16_t* panel,
                    std::int64_t pairs, std::int64_t cols, float* y, std::int64_t stride) {
  for (std::int64_t row = 0; row < rows; row += kBf16Rows) {
    const std::int64_t count = std::min(kBf16Rows, rows - row);
    const std::uint16_t* block = x + row * 2 * pairs;
    if (cols == kBf16Cols) {
      bf16_tile(count, block, 2 * pairs, panel, pairs, y + row * stride, stride);
      continue;
    }
    float sums[kBf16Rows * kBf16Cols];
    bf16_tile(count, block, 2 * pairs, panel, pairs, sums, kBf16Cols);
    for (std::int64_t r = 0; r < count; ++r)
      std::copy_n(sums + r * kBf16Cols, cols, y + (row + r) * stride);
  }
}

// Rows that stay in a cache, in chunks for all threads.
std::int64_t rows_of_chunk(std::int64_t rows, std::int64_t in, std::int64_t pieces) {
  const std::int64_t bytes = kBf16Rows * in * static_cast<std::int64_t>(sizeof(std::uint16_t));
  const std::int64_t most = std::max<std::int64_t>(1, kChunkBytes / bytes);
  return std::clamp<std::int64_t>(whole(rows, kBf16Rows) / pieces, 1, most) * kBf16Rows;
}

}  // namespace

bool PackedBf16::available() { return has_avx512_bf16(); }

std::size_t PackedBf16::bytes(std::int64_t out, std::int64_t in) {
  return static_cast<std::size_t>(panels_of(out) * panel_size(in)) * sizeof(std::uint16_t);
}

PackedBf16::PackedBf16(const std::uint16_t* weight, std::int64_t out, std::int64_t in, void* memory)
    : out_(out), in_(in), panels_(static_cast<const std::uint16_t*>(memory)) {
  auto* panels = static_cast<std::uint16_t*>(memory);
  parallel_for(panels_of(out), [&](std::int64_t p) {
    const std::int64_t col = p * kBf16Cols;
    pack_panel(weight + col * in, std::min(kBf16Cols, out - col), in, panels + p * panel_size(in));
  });
}

void PackedBf16::multiply(const float* x, std::int64_t rows, float* y) const {
  multiply_each({{this, y, out_}}, x, rows);
}

// Cut into chunks of rows and spans of all panels; which of them a task has changes no sum.
void PackedBf16::multiply_each(const std::vector<Product>& products, const float* x,
                               std::int64_t rows) {
  const std::int64_t in = products.front().weight->in_;
  const std::int64_t pieces = kPiecesPerThread * thread_count();
  const std::int64_t chunk = rows_of_chunk(rows, in, pieces);
  const std::int64_t chunks = whole(rows, chunk);
  std::int64_t panels = 0;
  for (const Product& product : products) panels += panels_of(product.weight->out_);
  if (chunks * panels == 0) return;
  const std::int64_t span = whole(panels, whole(pieces, chunks));
  const std::int64_t spans = whole(panels, span);
  RawVector<std::uint16_t> shared;  // few rows are rounded once
  if (chunks == 1) round_input(x, rows, in, shared);
  parallel_for(chunks * spans, [&](std::int64_t task) {
    const std::int64_t row = task / spans * chunk;
    const std::int64_t count = std::min(chunk, rows - row);
    thread_local RawVector<std::uint16_t> own;
    if (chunks > 1) round_input(x + row * in, count, in, own);
    const std::uint16_t* input = chunks > 1 ? own.data() : shared.data();
    std::int64_t first = task % spans * span;
    std::int64_t end = first + span;
    for (const auto& [weight, y, stride] : products) {
      const std::int64_t out = weight->out_;
      for (std::int64_t p = first; p < std::min(end, panels_of(out)); ++p) {
        const std::int64_t col = p * kBf16Cols;
        multiply_panel(input, count, weight->panels_ + p * panel_size(in), pairs_of(in),
                       std::min(kBf16Cols, out - col), y + row * stride + col, stride);
      }
      first = std::max<std::int64_t>(0, first - panels_of(out));
      end = std::max<std::int64_t>(0, end - panels_of(out));
    }
  });
}

#else

bool PackedBf16::available() { return false; }
std::size_t PackedBf16::bytes(std::int64_t, std::int64_t) { return 0; }
PackedBf16::PackedBf16(const std::uint16_t*, std::int64_t out, std::int64_t in, void* memory)
    : out_(out), in_(in), panels_(static_cast<const std::uint16_t*>(memory)) {}
void PackedBf16::multiply(const float*, std::int64_t, float*) const {}
void PackedBf16::multiply_each(const std::vector<Product>&, const float*, std::int64_t) {}

#endif

}  // namespace msmodelslim
