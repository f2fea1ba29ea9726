#pragma once
// A linear while FlatQuant learns: its weight of now, int4 or float, and its gradients.
//
//   W' = transform of its input's pair;  clipped to sigmoid(f_min) min(row), sigmoid(f_max)
//   max(row) v of v -> o: rows (I x R)^T;  then int4 with one scale per row
// A v whose own input is not transformed only gets the rows, and is not quantized.

#include <vector>

#include "forward/product.h"
#include "quantize/flat_pair_learner.h"

namespace msmodelslim {

class FlatLinear {
 public:
  // `input`: of the pair it is a target of, or null. `output`: of v -> o for v, or null. Not both
  // null. All must outlive the object.
  FlatLinear(Linear& linear, FlatPairLearner* input, FlatPairLearner* output, DType compute);

  FlatPairLearner* input() const { return input_; }
  const ProductWeight& weight() const { return weight_; }
  const std::vector<float>& bias() const { return bias_; }  // [out] or empty

  // Adds the gradient that these rows give; x [rows, in] as it was multiplied, dy [rows, out].
  void add_gradient(const float* x, const float* dy, std::int64_t rows);
  // Hands the gradients on to the pairs' parameters; before those step.
  void backward();
  // After the pairs have stepped.
  void step(double clip_rate, int t, double share);
  void keep();
  void use_kept();  // after the pairs have done so
  // One per row; empty when it has no clipping.
  std::vector<ClipRatios> clips() const;

 private:
  ClipRatios ratios(std::int64_t row) const;
  void refresh();
  void clip_rows(float* out) const;

  Linear& linear_;
  FlatPairLearner* input_;
  FlatPairLearner* output_;
  std::int64_t out_, in_;
  DType compute_;
  LearnedValues low_, high_;  // clip factors, [out]
  std::vector<double> kept_low_, kept_high_;
  std::vector<float> transformed_;  // W', [out, in], before clipping; empty without `input`
  std::vector<float> turned_;       // after `output`; empty without it
  std::vector<float> bias_;
  std::vector<float> gradient_;  // [out, in]
  std::vector<float> bias_gradient_;
  bool has_gradient_ = false;
  ProductWeight weight_;
};

}  // namespace msmodelslim
