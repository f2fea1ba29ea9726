#pragma once
// The loops of a CodeTile, for a file that is compiled for one instruction set. V has
//   Register                        of 32-bit lanes
//   kColumns                        of them
//   kRows, kWideRows                rows whose sums fit the registers beside 16 and 32 columns
//   load, load_sums, store_sums     of kColumns lanes
//   spread(x)                       four codes of x to all lanes
//   low_codes, high_codes           of pairs of 4-bit codes, as 8-bit codes
//   dot(sums, x, w)                 sums + four products per lane

#include <cstdint>
#include <cstring>

#include "kernels/code_tile.h"

namespace msmodelslim {
namespace {

template <typename V, int Bits>
inline typename V::Register load_column(const std::int8_t* panel, int vector) {
  constexpr int kHalf = 16 / V::kColumns;
  constexpr int kBytes = 4 * V::kColumns;
  if constexpr (Bits == 8) return V::load(panel + vector * kBytes);
  const auto pairs = V::load(panel + vector % kHalf * kBytes);
  return vector < kHalf ? V::low_codes(pairs) : V::high_codes(pairs);
}

// `Vectors` vectors of columns from vector `First` on.
template <typename V, int Bits, int Rows, int First, int Vectors>
inline void add_products(const std::uint8_t* x, const std::int8_t* panel, std::int64_t quads,
                         const std::int32_t* start, std::int32_t* sums) {
  typename V::Register total[Rows][Vectors];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) total[r][v] = V::load_sums(start + (First + v) * V::kColumns);
  for (std::int64_t q = 0; q < quads; ++q, x += 4 * Rows, panel += CodeTile::kColumns * Bits / 2) {
    typename V::Register w[Vectors];
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) w[v] = load_column<V, Bits>(panel, First + v);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      std::int32_t codes;
      std::memcpy(&codes, x + 4 * r, sizeof(codes));
      const auto four = V::spread(codes);
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) total[r][v] = V::dot(total[r][v], four, w[v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v)
      V::store_sums(sums + r * CodeTile::kColumns + (First + v) * V::kColumns, total[r][v]);
}

template <typename V, int Bits, int Rows>
void tile_of_rows(const std::uint8_t* x, const std::int8_t* panel, std::int64_t quads,
                  const std::int32_t* start, std::int32_t* sums) {
  constexpr int kHalf = 16 / V::kColumns;
  if constexpr (Rows <= V::kWideRows) {
    add_products<V, Bits, Rows, 0, 2 * kHalf>(x, panel, quads, start, sums);
  } else {
    add_products<V, Bits, Rows, 0, kHalf>(x, panel, quads, start, sums);
    add_products<V, Bits, Rows, kHalf, kHalf>(x, panel, quads, start, sums);
  }
}

template <typename V, int Bits, int Rows = V::kRows>
void tile(std::int64_t rows, const std::uint8_t* x, const std::int8_t* panel, std::int64_t quads,
          const std::int32_t* start, std::int32_t* sums) {
  if constexpr (Rows > 1)
    if (rows < Rows) return tile<V, Bits, Rows - 1>(rows, x, panel, quads, start, sums);
  tile_of_rows<V, Bits, Rows>(x, panel, quads, start, sums);
}

template <int Shift>
void pack_rows(const std::int8_t* codes, std::int64_t rows, std::int64_t in, std::uint8_t* x) {
  for (std::int64_t q = 0; 4 * q < in; ++q)
    for (std::int64_t r = 0; r < rows; ++r, x += 4) {
      std::uint32_t four = 0;
      const std::int64_t left = in - 4 * q;
      std::memcpy(&four, codes + r * in + 4 * q, static_cast<std::size_t>(left < 4 ? left : 4));
      if constexpr (Shift == 128) four ^= 0x80808080U;
      std::memcpy(x, &four, sizeof(four));
    }
}

template <typename V, int Shift>
constexpr CodeTile tile_with(CodeTile::PackRows pack) {
  static_assert(V::kRows <= CodeTile::kMostRows);
  return {V::kRows, Shift, tile<V, 8>, tile<V, 4>, pack};
}

}  // namespace
}  // namespace msmodelslim
