#pragma once
// The transform of one pair while it is being learned (flat_pair.h): what it makes of activations
// and of weights, and the gradients of its parameters.
//
//   x' = (x c) (L x R), then int4 with a learned ratio sigmoid(f)
//   W' = (W / c) (NL x NR)         N = M^-T
//   v -> o: x' = x (L x I); the rows of v get (I x R)^T, the weight of o both

#include <random>
#include <vector>

#include "base/raw_vector.h"
#include "quantize/adamw.h"
#include "quantize/flat_matrix.h"
#include "quantize/flat_pair.h"

namespace msmodelslim {

// A clip factor's start, and what it stands for.
inline constexpr double kClipFactor = 4.0;
double sigmoid(double factor);

class FlatPairLearner {
 public:
  FlatPairLearner(FlatPair pair, std::mt19937& generator);

  const FlatPair& pair() const { return pair_; }
  bool is_first(const LinearSpec& spec) const { return pair_.targets.front()->name == spec.name; }
  bool is_last(const LinearSpec& spec) const { return pair_.targets.back()->name == spec.name; }

  // x [rows, width] becomes input(), what the targets multiply.
  void forward(const float* x, std::int64_t rows);
  const float* input() const { return input_.data(); }
  // Room for the gradient of input(), which the targets fill; backward() turns it into that of x,
  // the same that forward() saw.
  float* gradient(std::int64_t rows);
  void backward(const float* x, std::int64_t rows);

  // Weights of the targets, [rows, width]: W / c, and W' of that.
  void divide_weight(const float* weight, std::int64_t rows, float* divided) const;
  void transform_weight(const float* divided, std::int64_t rows, float* out) const;
  // d, the gradient of W', may be spoilt.
  void weight_backward(const float* weight, const float* divided, std::int64_t rows, float* d);

  // v -> o: y = (I x R)^T x for x [heads * head_dim, width]; and the gradient d of y becomes that
  // of x.
  void turn_values(const float* x, std::int64_t rows, std::int64_t width, float* y) const;
  void turn_values_backward(const float* x, std::int64_t rows, std::int64_t width, float* d);

  // Gradients since the last step, times `share`.
  void step(double rate, double clip_rate, int t, double share);
  // Hands the gradients of the matrices on to their parameters; step() does so.
  void gather_gradients();
  // Those of the matrices and c; then the clip factor. refresh() after a change.
  std::vector<LearnedValues*> parameters();
  void refresh();
  void keep();
  void use_kept();
  FlatTransform result() const;

 private:
  void scale(const float* x, std::int64_t rows, bool inverted, float* out) const;
  void add_scale_gradient(const float* x, const float* d, std::int64_t rows, bool inverted);
  float ratio() const;

  FlatPair pair_;
  FlatMatrix left_, right_;
  LearnedValues c_;     // [width] or empty
  LearnedValues clip_;  // [1]
  std::vector<std::vector<double>> kept_;
  SmallMatrix dleft_, dright_;                           // gradients of L and R
  SmallMatrix dleft_n_, dright_n_;                       // of NL and NR
  InputRotation online_;                                 // L and R as forward() applies them
  InputRotation weights_;                                // NL and NR
  std::vector<float> right_values_;                      // R
  RawVector<float> scaled_, turned_, input_, gradient_;  // of a chunk
};

}  // namespace msmodelslim
