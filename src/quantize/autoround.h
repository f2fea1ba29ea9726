#pragma once
// AutoRound: learns the rounding of a block's weights from the error of the block's output
// (Cheng et al., "Optimize Weight Rounding via Signed Gradient Descent", 2023; reference:
// quantizers 7.3).
//
//   L = sum |block(x; w') - block(x; w)| over at most 8 samples, drawn anew for every iteration
//   p <- p - lr_i sign(dL/dp),   lr_i = lr (1 - i / iters)
// for V, min_scale and max_scale of every weight (learned_linear.h). Activations are not quantized
// while learning. An iteration is remembered when the mean loss of the last five is below `best`,
// which then becomes 0.7 best + 0.3 mean.
// What we do differently: fewer than 8 samples are used once each (the Python tool repeats the
// first one); what was remembered must also beat the start on the first draw's samples, otherwise
// the start stays; the last iteration makes no gradient, since nothing would look at its step.

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "quantize/learned_linear.h"
#include "quantize/learning_pass.h"

namespace msmodelslim {

// Which samples an iteration learns from: what torch.randperm gives after manual_seed(seed).
class SampleOrder {
 public:
  explicit SampleOrder(std::uint64_t seed) : generator_(static_cast<std::uint32_t>(seed)) {}
  // Indices below `count`, at most `wanted`, rising.
  std::vector<std::size_t> draw(std::size_t count, std::size_t wanted);
  std::mt19937& generator() { return generator_; }

 private:
  std::mt19937 generator_;
};

// Says which iterations are worth remembering.
class BestLoss {
 public:
  bool improves(double loss);
  double best() const { return best_; }

 private:
  std::deque<double> window_;
  double best_ = 0;
};

struct AutoroundJob {
  BlockData data;
  std::map<std::string, std::unique_ptr<LearnedLinear>>* learned = nullptr;  // by linear
  const std::map<std::string, QuantizedLinear>* done = nullptr;  // linears already quantized
  int iters = 10;
  bool squared_loss = false;  // the sum of squares instead of the sum of |error|
};

struct AutoroundResult {
  std::vector<double> losses;  // mean per output element, of every iteration
  int best = 0;                // the iteration that was kept
};

// Afterwards the learned linears keep the best codes and scales.
AutoroundResult learn_rounding(const AutoroundJob& job, SampleOrder& order);

}  // namespace msmodelslim
