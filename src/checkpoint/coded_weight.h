#pragma once
// Weights that a checkpoint stores as codes with scales (reference: models 3). In all of them
//
//   w[r, c] = (code[r, c] - zero[g]) * scale[g],   g = [r / row_block, c / column_block]
//
// which is computed in fp32 and rounded to the model's dtype. Blocks at the edges may be partial.
// `scale` may be a product of two levels: scale[g] * outer[r, c / outer_block] (NVFP4 divides by a
// number for the whole tensor in compressed-tensors, multiplies by it in ModelOpt). A low-rank
// branch is added: w + l2 l1.
//
//   codes            `data`
//   e4m3             F8_E4M3 [rows, columns]
//   int8             I8 [rows, columns]
//   words            I32 [rows, ceil(columns * bits / 32)]: code + 2^(bits-1), see pack_int32.h
//   fp4 pairs        U8 or I8 [rows, columns / 2]: code 2c in the low half of byte c;
//                    0 0.5 1 1.5 2 3 4 6 and, from code 8, their negatives
//   floats           value [r, c] is element r * row_step + c * column_step; no scales. Weights
//                    that lie transposed, or between those of another linear
//   int4 columns     I8 [rows, columns / 2]: signed code 2c in the low half of byte c
//   int4 rows        I8 [rows / 2, columns]: codes of row 2r in the low halves of row r
//
// Of fp4 pairs and their scales only every row_step-th row counts. Scales are float tensors, E4M3,
// or exponents: a byte b stands for 2^(b - 127).

#include <memory>
#include <optional>
#include <vector>

#include "tensor/tensor.h"

namespace msmodelslim {

struct CodedWeight {
  enum class Codes { kE4M3, kInt8, kWords, kFp4, kFloats, kInt4Columns, kInt4Rows };
  struct LowRank {
    std::int64_t rank = 0;
    std::vector<float> l1;  // [rank, columns]
    std::vector<float> l2;  // [rows, rank]
  };
  Codes codes = Codes::kE4M3;
  int bits = 8;  // kWords: 4 or 8
  TensorView data;
  TensorView scale;  // [ceil(rows / row_block), ceil(columns / column_block)]
  std::shared_ptr<const Tensor> made_scale;  // what `scale` looks at, where no file holds it
  std::optional<TensorView> outer;  // float: one value, or [rows, ceil(columns / outer_block)]
  std::int64_t outer_block = 0;
  bool outer_divides = false;
  std::shared_ptr<const std::vector<float>> zero;  // like `scale`; null: 0
  std::shared_ptr<const LowRank> low_rank;         // null: none
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t row_block = 1;
  std::int64_t column_block = 1;
  std::int64_t row_step = 1;
  std::int64_t column_step = 1;
  DType dtype = DType::kBF16;  // of the values

  std::int64_t column_blocks() const { return (columns + column_block - 1) / column_block; }
};

// fp32 values of rows [begin, end), already rounded. Calling thread.
void decode_rows(const CodedWeight& weight, std::int64_t begin, std::int64_t end, float* out);

}  // namespace msmodelslim
