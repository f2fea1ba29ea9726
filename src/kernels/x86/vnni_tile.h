#pragma once
// The inner loop of packed_codes.h with VNNI: sums of products of unsigned codes of x and signed
// weight codes, four at a time, in 32 bits.

#include <cstdint>

namespace msmodelslim {

inline constexpr std::int64_t kVnniRows = 14;  // at most, of x
inline constexpr std::int64_t kVnniCols = 32;  // of w

// sums[rows][32] = start[32] + x * panel, modulo 2^32.
// x [quads][rows][4]; 1 <= rows <= 14
// panel [quads][32][4] of 8-bit codes, or [quads][16][4] of pairs of 4-bit codes: columns 0..15 in
// the low halves, 16..31 in the high ones.
// All only on processors with AVX512-VNNI.
void vnni_tile_8bit(std::int64_t rows, const std::uint8_t* x, const std::int8_t* panel,
                    std::int64_t quads, const std::int32_t* start, std::int32_t* sums);
void vnni_tile_4bit(std::int64_t rows, const std::uint8_t* x, const std::int8_t* panel,
                    std::int64_t quads, const std::int32_t* start, std::int32_t* sums);

// The x of a tile: signed codes [rows, in], shifted by 128, zeros (shifted, too) behind the last.
void vnni_pack_rows(const std::int8_t* codes, std::int64_t rows, std::int64_t in, std::uint8_t* x);

}  // namespace msmodelslim
