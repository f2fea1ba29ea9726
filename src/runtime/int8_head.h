#pragma once
// A float head computed with int8 weights and activations: quantized when the model is loaded, one
// scale per vocabulary entry (max|row| / 127). Reads half or a quarter of the bytes per token.

#include "forward/context.h"
#include "runtime/dynamic_product.h"

namespace msmodelslim {

class Int8Head : public LinearOp {
 public:
  // Throws UsageError when the folder's head is no float matrix.
  explicit Int8Head(const Linear& head);
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override;

 private:
  std::vector<std::int8_t> codes_;  // [vocab, hidden], unless they are packed
  HugeBuffer packed_;
  CodeWeight weight_;
  std::vector<float> scales_;  // [vocab]
  DynamicInput input_;
};

}  // namespace msmodelslim
