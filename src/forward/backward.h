#pragma once
// The backward pass of one decoder block, for algorithms that learn something about its weights
// from the error of its output. The forward pass is run.h's; TraceOp records what comes by.
// Gradients of norms, biases and of the block's input are not made: nobody learns from them.

#include <vector>

#include "base/raw_vector.h"
#include "forward/context.h"

namespace msmodelslim {

// What a forward pass leaves for the backward pass, packed rows.
struct BlockTrace {
  std::vector<float> normed;      // input of q, k, v
  std::vector<float> q, k, v;     // as the linears gave them
  std::vector<float> attention;   // input of o
  std::vector<float> projected;   // output of o
  std::vector<float> mlp_normed;  // input of gate and up
  std::vector<float> gate, up;    // as the linears gave them
  std::vector<float> product;     // input of down
};

// Computes linears as `inner` does and keeps copies in `trace`.
class TraceOp : public LinearOp {
 public:
  TraceOp(LinearOp& inner, BlockTrace& trace) : inner_(inner), trace_(trace) {}
  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override;

 private:
  LinearOp& inner_;
  BlockTrace& trace_;
};

// What the backward pass asks about a linear y = x W^T + b.
class LinearGrad {
 public:
  virtual ~LinearGrad() = default;
  // True: weight_grad() is wanted.
  virtual bool learns(const Linear& linear) const = 0;
  // x [rows, in], dy [rows, out]
  virtual void weight_grad(const Linear& linear, const float* x, const float* dy,
                           std::int64_t rows) = 0;
  // dx [rows, in] = dy W, or is added to dx.
  virtual void input_grad(Linear& linear, const float* dy, std::int64_t rows, bool accumulate,
                          float* dx) = 0;
};

// Buffers that are kept between calls.
struct BackwardWorkspace {
  RawVector<float> hidden, q, k, dhidden, dmlp, dgate, dup, dattention, dq, dk, dv, attention,
      turned;
};

// `in` [rows, hidden] is the block's input, `dout` the gradient that comes in for its output.
// Stops where nothing further back learns.
void run_block_backward(const ModelSpec& model, Block& block, const BlockTrace& trace,
                        const float* in, const float* dout, std::int64_t rows,
                        const Context& context, LinearGrad& grads, BackwardWorkspace& workspace);

}  // namespace msmodelslim
