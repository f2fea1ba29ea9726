#include "kernels/packed_bf16.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/threads.h"
#ifdef __x86_64__
#include "kernels/x86/bf16_tile.h"
#include "kernels/x86/features.h"
#endif

namespace msmodelslim {

#ifdef __x86_64__

namespace {

constexpr std::int64_t kPackSlack = 32;       // behind what bf16_pack_rows packs
constexpr std::int64_t kPiecesPerThread = 8;  // long stretches of memory, and work for all threads

std::int64_t pairs_of(std::int64_t in) { return (in + 1) / 2; }
std::int64_t panels_of(std::int64_t out) { return (out + kBf16Cols - 1) / kBf16Cols; }
std::int64_t panel_size(std::int64_t in) { return pairs_of(in) * kBf16Cols * 2; }  // values

// [pairs][32][2] of `cols` rows of w.
void pack_panel(const std::uint16_t* w, std::int64_t cols, std::int64_t in, std::uint16_t* panel) {
  if (cols < kBf16Cols || in % 2 != 0) std::fill_n(panel, panel_size(in), std::uint16_t{0});
  for (std::int64_t p = 0; p < in / 2; ++p)
    for (std::int64_t c = 0; c < cols; ++c)
      std::memcpy(panel + (p * kBf16Cols + c) * 2, w + c * in + 2 * p, 4);
  if (in % 2 == 0) return;
  for (std::int64_t c = 0; c < cols; ++c) panel[(in / 2 * kBf16Cols + c) * 2] = w[c * in + in - 1];
}

// Rows of x rounded, in blocks of kBf16Rows: [pairs][rows][2] each.
std::vector<std::uint16_t> pack_input(const float* x, std::int64_t rows, std::int64_t in) {
  const std::int64_t width = 2 * pairs_of(in);
  std::vector<std::uint16_t> packed(static_cast<std::size_t>(rows * width + kPackSlack));
  std::vector<std::uint16_t> lines(static_cast<std::size_t>(kBf16Rows * width));
  for (std::int64_t row = 0; row < rows; row += kBf16Rows) {
    const std::int64_t count = std::min(kBf16Rows, rows - row);
    for (std::int64_t r = 0; r < count; ++r)
      bf16_round(x + (row + r) * in, lines.data() + r * width, in);
    bf16_pack_rows(lines.data(), width, count, width / 2, packed.data() + row * width);
  }
  return packed;
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
  const std::vector<std::uint16_t> input = pack_input(x, rows, in_);
  const std::int64_t pairs = pairs_of(in_);
  const std::int64_t pieces = kPiecesPerThread * thread_count();
  const std::int64_t grain = (panels_of(out_) + pieces - 1) / pieces;
  parallel_ranges(panels_of(out_), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p)
      for (std::int64_t row = 0; row < rows; row += kBf16Rows) {
        const std::int64_t count = std::min(kBf16Rows, rows - row);
        const std::uint16_t* block = input.data() + row * 2 * pairs;
        const std::uint16_t* panel = panels_ + p * panel_size(in_);
        const std::int64_t cols = std::min(kBf16Cols, out_ - p * kBf16Cols);
        float* to = y + row * out_ + p * kBf16Cols;
        if (cols == kBf16Cols) {
          bf16_tile(count, block, panel, pairs, to, out_);
          continue;
        }
        float sums[kBf16Rows * kBf16Cols];
        bf16_tile(count, block, panel, pairs, sums, kBf16Cols);
        for (std::int64_t r = 0; r < count; ++r)
          std::copy_n(sums + r * kBf16Cols, cols, to + r * out_);
      }
  });
}

#else

bool PackedBf16::available() { return false; }
std::size_t PackedBf16::bytes(std::int64_t, std::int64_t) { return 0; }
PackedBf16::PackedBf16(const std::uint16_t*, std::int64_t out, std::int64_t in, void* memory)
    : out_(out), in_(in), panels_(static_cast<const std::uint16_t*>(memory)) {}
void PackedBf16::multiply(const float*, std::int64_t, float*) const {}

#endif

}  // namespace msmodelslim
