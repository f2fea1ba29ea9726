#pragma once
// AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019) with PyTorch's
// defaults, in double, and the rate of FlatQuant's training.
//
//   w <- w - rate decay w;  m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2
//   w <- w - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
//   b1 0.9, b2 0.999, eps 1e-8, decay 0.01

#include <cstdint>
#include <vector>

namespace msmodelslim {

struct LearnedValues {
  LearnedValues() = default;
  explicit LearnedValues(std::vector<double> start);
  // One step along `share` times the gradient, which is zero afterwards; t counts from 1.
  void step(double rate, int t, double share = 1);

  std::vector<double> values;
  std::vector<double> gradient;
  std::vector<double> mean;    // m
  std::vector<double> square;  // v
};

// The rate before each step: a linear warm-up from a hundredth to the whole over 16 steps, times a
// cosine towards `least` after `length` steps, both in PyTorch's recursive form (the second acts on
// what the first left).
class WarmCosine {
 public:
  WarmCosine(double base, double least, std::int64_t length);
  double rate() const { return rate_; }
  void advance();

 private:
  double least_;
  std::int64_t length_;
  double rate_;
  std::int64_t t_ = 0;
};

}  // namespace msmodelslim
