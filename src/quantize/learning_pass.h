#pragma once
// Runs samples through a block that is being learned: the error of its output and, if wanted, the
// gradients of whatever learns.

#include <map>
#include <string>
#include <vector>

#include "forward/backward.h"
#include "forward/product.h"
#include "forward/run.h"
#include "quantize/quantized_linear.h"

namespace msmodelslim {

// What a block learns from.
struct BlockData {
  const ModelSpec* model = nullptr;
  Block* block = nullptr;
  const PackedStates* inputs = nullptr;   // of the block
  const PackedStates* targets = nullptr;  // its float outputs
  const RopeTable* rope = nullptr;
};

// Weights of the linears that do not learn, for the backward pass.
class FrozenWeights {
 public:
  FrozenWeights(const std::map<std::string, QuantizedLinear>& done, DType compute)
      : done_(done), compute_(compute) {}
  const ProductWeight& of(Linear& linear);

 private:
  const std::map<std::string, QuantizedLinear>& done_;
  DType compute_;
  std::map<std::string, ProductWeight> weights_;
};

class LearningPass {
 public:
  // Sum of the errors of `count` values; d their gradient, may be y.
  using Error = double (*)(const float* y, const float* target, float* d, std::int64_t count);

  LearningPass(const BlockData& data, Error error, LinearOp& op, LinearGrad& grads)
      : data_(data), error_(error), op_(op), grads_(grads) {}

  // In chunks of at most about kChunkRows rows; gradients only if `learn`.
  double sum(const std::vector<std::size_t>& samples, bool learn);
  // The same per output element.
  double mean(const std::vector<std::size_t>& samples, bool learn);

 private:
  std::int64_t gather(const std::vector<std::size_t>& samples, std::size_t* i,
                      std::vector<Sequence>* sequences);
  double run_chunk(Context& context, std::int64_t rows, bool learn);
  double errors(std::int64_t rows);

  BlockData data_;
  Error error_;
  LinearOp& op_;
  LinearGrad& grads_;
  std::vector<float> in_, target_, out_;  // of a chunk
  BlockTrace trace_;
  Workspace workspace_;
  BackwardWorkspace backward_;
};

}  // namespace msmodelslim
