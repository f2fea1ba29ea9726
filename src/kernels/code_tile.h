#pragma once
// The inner loops of packed_codes.h, once for every instruction set that multiplies four 8-bit
// codes and adds the products to 32 bits in one step.

#include <cstdint>

namespace msmodelslim {

struct CodeTile {
  static constexpr std::int64_t kColumns = 32;   // of w
  static constexpr std::int64_t kMostRows = 14;  // of x, in any tile

  // sums[rows][32] = start[32] + x * panel, modulo 2^32.
  // x [quads][rows][4], as pack_rows makes it
  // panel [quads][32][4] of 8-bit codes, or [quads][16][4] of pairs of 4-bit codes: columns 0..15
  // in the low halves, 16..31 in the high ones.
  using Multiply = void (*)(std::int64_t rows, const std::uint8_t* x, const std::int8_t* panel,
                            std::int64_t quads, const std::int32_t* start, std::int32_t* sums);
  // Codes [rows, in] to [quads][rows][4], `shift` added, zeros (shifted, too) behind the last.
  using PackRows = void (*)(const std::int8_t* codes, std::int64_t rows, std::int64_t in,
                            std::uint8_t* x);

  std::int64_t rows;  // of x, at most
  int shift;          // of x: 128, where the instruction multiplies unsigned with signed codes
  Multiply multiply_8bit;
  Multiply multiply_4bit;
  PackRows pack_rows;
};

// The fastest that this processor can run, or nullptr.
const CodeTile* code_tile();

}  // namespace msmodelslim
