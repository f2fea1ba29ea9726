#pragma once
// Weight codes laid out once for products with few and with many rows, on processors for which
// there is a code_tile(): every byte is read once per product, in order, and no copy is made on the
// way.
//
// Panels of 32 columns of w^T, [in / 4][32][4] (4-bit codes: two to a byte), zeros behind the last
// column and the last input. Where x is shifted to unsigned codes, the sums of w undo it:
//   sum x q = sum (x + 128) q - 128 sum q

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/code_sums.h"
#include "kernels/code_tile.h"

namespace msmodelslim {

// Takes a tile of the exact int32 sums of y = x w^T, from row `row` and column `col` on. Called by
// all threads at once, each tile once.
using TakeSums = std::function<void(std::int64_t row, std::int64_t col, const SumTile& tile)>;

class PackedCodes {
 public:
  static constexpr std::int64_t kColumns = CodeTile::kColumns;

  // Whether this processor has the instructions; nothing else here may be called where it has not.
  static bool available() { return code_tile() != nullptr; }
  // Memory for weights of this shape. `bits`: 8 or 4.
  static std::size_t bytes(std::int64_t out, std::int64_t in, int bits);

  PackedCodes() = default;
  // Packs codes [out, in], one a byte (4 bits: -8 to 7), into `memory`, which must outlive the
  // object. All threads.
  PackedCodes(const std::int8_t* codes, std::int64_t out, std::int64_t in, int bits, void* memory,
              const CodeTile& tile = *code_tile());

  bool empty() const { return memory_ == nullptr; }

  struct Product {
    const PackedCodes* weight;
    TakeSums take;
  };
  // Of one x [rows, in] and several weights of the same `in`, up to 131 000, and the same tile.
  static void multiply(const std::vector<Product>& products, const std::int8_t* x,
                       std::int64_t rows);

 private:
  void multiply_panels(const std::uint8_t* packed, std::int64_t row, std::int64_t end,
                       std::int64_t first, std::int64_t last, const TakeSums& take) const;
  std::int64_t panels() const { return (out_ + kColumns - 1) / kColumns; }
  std::int64_t quads() const { return (in_ + 3) / 4; }

  std::int64_t out_ = 0;
  std::int64_t in_ = 0;
  int bits_ = 8;
  const CodeTile* tile_ = nullptr;
  const std::int8_t* memory_ = nullptr;   // the panels
  const std::int32_t* starts_ = nullptr;  // [panels, kColumns], -shift sum q
};

}  // namespace msmodelslim
