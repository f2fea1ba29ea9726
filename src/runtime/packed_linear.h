#pragma once
// A float linear that few rows are multiplied with again and again, such as the head of a model
// that answers: its bfloat16 weight is copied into panels in large pages.

#include <memory>

#include "base/huge_buffer.h"
#include "forward/context.h"
#include "kernels/packed_bf16.h"

namespace msmodelslim {

class PackedLinearOp : public LinearOp {
 public:
  // Null where the weight is not the checkpoint's own bfloat16, the processor has no products of
  // it, or there is no memory.
  static std::unique_ptr<PackedLinearOp> of(const Linear& linear);
  // Of that linear only.
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override;

 private:
  PackedLinearOp(HugeBuffer memory, const PackedBf16& weight)
      : memory_(std::move(memory)), weight_(weight) {}
  HugeBuffer memory_;
  PackedBf16 weight_;
};

}  // namespace msmodelslim
