#pragma once
// Sparse float weights (W16A16S): ADMM chooses which weights become zero and corrects the others
// for it; the rest is rounded to few mantissa bits, for a unit that stores weights compressed
// (Boza, "Fast and Effective Weight Update for Pruned Large Language Models", 2024; the Python
// tool's variant of it; reference: quantizers 12).
//
//   H = X^T X;  d = sqrt(diag H) + 1e-8;  N = H / (d d^T) + 0.1 mean(diag) I;  P = inverse(N + I)
//   w = W d, u = 0;  20 times:
//     t = w + u;  the first 15 times: M = 0 at the smallest |t| of the whole matrix, else 1
//     z = t M;  u = t - z;  w = P (N W d + z - u)
//   W' = (w + u) M / d, in half precision, then rounded: see round_sparse()
// The 2 % of the weights that rounding would harm most, by |W' - rounded| sqrt(diag H), keep their
// mantissa. What we do differently: ties of |t| go in the order of memory, and u is exactly zero
// where M is 1.

#include <string>

#include "quantize/hessian.h"
#include "quantize/weight.h"

namespace msmodelslim {

// A half-precision value v = m 2^e, 1 <= m < 2, as it is stored:
//   below 2^-14 (subnormal)  0, or v itself when `keep`
//   2^-14 to 2^-8            the power of two below, or the one above when m > 1.5
//   else                     m rounded to quarters, ties to even; not when `keep`
float round_sparse(float half, bool keep);

// Prunes linears that read the same input.
class SparsePruner {
 public:
  // Throws DataError naming `linear` when no calibration row was seen or the inputs are not finite.
  SparsePruner(const Hessian& inputs, const std::string& linear);
  // Fills type and codes of `out`, the codes in `dtype`. Throws DataError for weights that are not
  // finite or leave the range of half precision. All threads.
  void prune(const WeightRows& weight, double ratio, DType dtype, QuantizedLinear& out) const;

 private:
  std::vector<float> pruned(const WeightRows& weight, double ratio, const std::string& name) const;
  std::int64_t width_;
  std::vector<float> norm_;      // d
  std::vector<float> products_;  // N, [width, width]
  std::vector<float> inverse_;   // P
};

}  // namespace msmodelslim
