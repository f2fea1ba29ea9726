#pragma once
// Integer codes packed densely into 32-bit words, as compressed-tensors' "pack-quantized" has them:
//
//   word i holds codes i*32/b ... of one row: (code + 2^(b-1)) in b bits, the first in the lowest
//   a row begins a new word; its last word is filled with zero bits
//
// Zero points [n, groups] are packed down the columns: as a row, but of the transposed matrix.

#include <cstdint>

#include "tensor/tensor.h"

namespace msmodelslim {

// Words that `count` codes of `bits` (4 or 8) take.
std::int64_t packed_words(std::int64_t count, int bits);

// codes I8 [rows, columns] -> I32 [rows, words] or, down the columns, [words, columns].
Tensor pack_rows_int32(const Tensor& codes, int bits);
Tensor pack_columns_int32(const Tensor& codes, int bits);

// The reverse. `shape` [rows, columns] is that of the codes; `packed` has been checked to fit it.
Tensor unpack_rows_int32(const TensorView& packed, int bits, const Shape& shape);
Tensor unpack_columns_int32(const TensorView& packed, int bits, const Shape& shape);

}  // namespace msmodelslim
