#pragma once
// Gradient of the Kronecker transform of rows (forward/input_rotation.h), fp32. The row x is a
// matrix X [m, n]:
//   Y = L^T X R       dX = L dY R^T,  dL = X R dY^T,  dR = X^T L dY, both summed over the rows

#include <cstdint>

namespace msmodelslim {

struct KroneckerShape {
  std::int64_t m;
  std::int64_t n;
};

// `left` [m, m] or null (L = I), `right` [n, n] or null (R = I). x, dy, dx [rows, m * n]; dx may be
// dy. Adds to dleft and dright (null where the matrix is). All threads; the bits do not depend on
// their number.
void kronecker_grad(KroneckerShape shape, const float* left, const float* right, const float* x,
                    const float* dy, std::int64_t rows, float* dx, double* dleft, double* dright);

}  // namespace msmodelslim
