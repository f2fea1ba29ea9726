#pragma once
// A linear whose rounding is being learned: the weight as it is quantized now, its parameters and
// their gradients.
//
//   a = max_scale max(row, 0), b = -(min_scale min(row, 0))        per row, or group of columns
//   symmetric   s = max(a, b) / M                                   M = 127 (8 bit), 7 (4 bit)
//   full range  s = max(a, b) / (M + 1), negative when a >= b
//   asymmetric  s = max(a, b) / M, negative when a >= b, so that -M - 1 is at the longer end
//   s is rounded to its dtype, |s| >= 1e-5; q and w' = s q as in kernels/learned_round.h, V clamped
//   to +-0.5 (4 bit) or +-1 (8 bit) when symmetric
// V starts at 0, both scales at 1; they stay in [0, 1]. Source: quantizers reference 7.2.
// What we do differently: codes of asymmetric weights are written around 0, not around 8 or 128,
// so that they fit their type and engines that ignore the offset are right.

#include <cstdint>
#include <vector>

#include "forward/product.h"
#include "kernels/learned_round.h"
#include "quantize/quantized_linear.h"
#include "quantize/weight.h"

namespace msmodelslim {

struct LearnedRounding {
  int bits = 4;
  bool symmetric = true;
  bool full_range = false;           // symmetric: the longer end is at -M - 1; ours
  std::int64_t group_size = 0;       // columns that share a scale; 0: the whole row
  DType scale_dtype = DType::kBF16;  // scales are rounded to it
  DType engine_dtype = DType::kF32;  // and to this, which the engine keeps them in
  bool tune_round = true;            // learn V
  bool tune_minmax = true;           // learn min_scale and max_scale
  double rate = 0.5;                 // how far the first step moves a parameter
};

class LearnedLinear {
 public:
  // `linear` must outlive the object. Throws DataError for NaN or infinite weights.
  LearnedLinear(const LearnedRounding& rounding, Linear& linear, DType compute);

  const ProductWeight& weight() const { return weight_; }  // w'
  // Adds the gradient of w' that these rows give; x [rows, in], dy [rows, out].
  void add_gradient(const float* x, const float* dy, std::int64_t rows);
  // Moves every parameter by the rate against the sign of its gradient; then the rate is multiplied
  // by `decay`.
  void step(double decay);
  // Remembers what the parameters give now. weight() can be set to that, or to the start.
  void keep();
  void use_kept();
  void use_start();
  // Codes and scales that were kept.
  void finish(QuantizedLinear& out) &&;

 private:
  struct Group {
    float low = 0;   // min(row, 0)
    float high = 0;  // max(row, 0)
    float min_scale = 1;
    float max_scale = 1;
  };
  struct Scale {
    float value;
    float high_share;  // of the gradient: 1 when max_scale makes the scale, 0.5 for a tie
    float sign;
    bool fixed;  // raised to the least scale: no gradient
  };
  Scale scale_of(const Group& group) const;
  void read_ranges(const std::string& name);
  void refresh();
  float longest_code() const { return range_.high + (rounding_.full_range ? 1.0F : 0.0F); }
  void step_group(Group& group, const Scale& scale, float slope, float rate) const;

  LearnedRounding rounding_;
  std::int64_t out_, in_, groups_, width_;
  WeightRows rows_;
  DType compute_;
  RoundRange range_;
  std::vector<Group> parameters_;  // [out, groups]
  std::vector<float> v_;           // [out, in] or empty
  std::vector<float> gradient_;    // [out, in]
  bool has_gradient_ = false;
  ProductWeight weight_;
  Tensor kept_codes_;               // [out, in]
  std::vector<float> kept_scales_;  // [out, groups]
};

}  // namespace msmodelslim
