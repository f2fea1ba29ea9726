#pragma once
// The tensors of a conversion: those of the checkpoint, renamed, cut apart or put together as the
// recipe's `preprocess` says. Nothing is computed before a tensor is read.

#include <string>
#include <vector>

#include "checkpoint/reader.h"
#include "recipe/convert_plan.h"

namespace msmodelslim {

// A rectangle of a tensor of the checkpoint, whose leading extents count as rows.
struct TensorPart {
  std::string origin;
  std::int64_t row = 0;
  std::int64_t rows = 0;
  std::int64_t column = 0;
  std::int64_t columns = 0;
};

struct ConvertTensor {
  std::string name;
  Shape shape;
  DType dtype = DType::kF32;                   // of the values
  std::vector<std::vector<TensorPart>> bands;  // above each other; parts of a band side by side
  bool is_origin = true;  // the whole of one tensor of the checkpoint, under this name or another

  const std::string& origin() const { return bands.front().front().origin; }
};

// In the order of the files. DataError for a rule that does not fit the tensors, UsageError for one
// that matches nothing.
std::vector<ConvertTensor> convert_tensors(const CheckpointReader& checkpoint,
                                           const std::vector<PreprocessRule>& rules);

// fp32 values, all of them. All threads.
void read_values(const CheckpointReader& checkpoint, const ConvertTensor& tensor, float* out);
// In the dtype of the values: the checkpoint's own bytes where they are plain and whole; else
// `owned` holds them.
TensorView read_whole(const CheckpointReader& checkpoint, const ConvertTensor& tensor,
                      Tensor& owned);

}  // namespace msmodelslim
