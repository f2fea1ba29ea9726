#pragma once
// A matrix of FlatQuant that is being learned (reference: quantizers 14):
//
//   M = U diag(s) V^T,  N = M^-T = U diag(1 / s) V^T,  s = softplus(p)
//   U = Q(X), V = Q(Y):  A = tril(X) - tril(X)^T,  Q = (I - A/2)^-1 (I + A/2)   (Cayley)
// and its gradient. With H = dL/dQ, since (I - A/2)^-1 = (Q + I) / 2:
//   dA = (I + Q^T) H (I + Q^T) / 4,  dX = tril(dA - dA^T)
//   dU = dM V S + dN V S^-1,  dV = dM^T U S + dN^T U S^-1
//   ds = diag(U^T dM V) - diag(U^T dN V) / s^2,  dp = ds sigmoid(p)
// At the start s = 1, so M is orthogonal; X and Y are random, their lower triangles like those of a
// random orthogonal matrix.

#include <random>

#include "kernels/small_matrix.h"
#include "quantize/adamw.h"

namespace msmodelslim {

// Q of X [n, n].
SmallMatrix cayley(const SmallMatrix& x, std::int64_t n);
// dX from H = dL/dQ.
SmallMatrix cayley_grad(const SmallMatrix& q, const SmallMatrix& h, std::int64_t n);

class FlatMatrix {
 public:
  FlatMatrix(std::int64_t n, std::mt19937& generator);

  std::int64_t size() const { return n_; }
  const SmallMatrix& matrix() const { return m_; }                // M
  const SmallMatrix& inverse_transposed() const { return n_t_; }  // N
  // Adds the gradients of the parameters that dL/dM and dL/dN give.
  void add_gradient(const SmallMatrix& dm, const SmallMatrix& dn);
  // X, Y and p; refresh() after a change.
  std::vector<LearnedValues*> parameters() { return {&x_, &y_, &p_}; }
  void refresh();

 private:
  std::int64_t n_;
  LearnedValues x_, y_;  // [n, n]
  LearnedValues p_;      // [n]
  SmallMatrix u_, v_, m_, n_t_;
  std::vector<double> s_;
};

}  // namespace msmodelslim
