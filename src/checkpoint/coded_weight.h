#pragma once
// Weights that a checkpoint stores as codes with scales (reference: models 3). In all of them
//
//   w[r, c] = (code[r, c] - zero[g]) * scale[g],   g = [r / row_block, c / column_block]
//
// which is computed in fp32 and rounded to the model's dtype. Blocks at the edges may be partial.
//
//   codes            `data`
//   e4m3             F8_E4M3 [rows, columns]
//   int8             I8 [rows, columns]
//   words            I32 [rows, ceil(columns * bits / 32)]: code + 2^(bits-1), see pack_int32.h
//   fp4 pairs        U8 or I8 [rows, columns / 2]: code 2c in the low half of byte c;
//                    0 0.5 1 1.5 2 3 4 6 and, from code 8, their negatives
//   floats           value [r, c] is element r * row_step + c * column_step; no scales. Weights
//                    that lie transposed, or between those of another linear
//
// Of fp4 pairs and their scales only every row_step-th row counts. Scales are float tensors, or
// exponents: a byte b stands for 2^(b - 127).

#include <memory>
#include <vector>

#include "tensor/tensor.h"

namespace msmodelslim {

struct CodedWeight {
  enum class Codes { kE4M3, kInt8, kWords, kFp4, kFloats };
  Codes codes = Codes::kE4M3;
  int bits = 8;  // kWords: 4 or 8
  TensorView data;
  TensorView scale;  // [ceil(rows / row_block), ceil(columns / column_block)]
  std::shared_ptr<const std::vector<float>> zero;  // like `scale`; null: 0
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
