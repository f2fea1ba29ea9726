#pragma once
// The leading singular vectors of a matrix, by block subspace iteration (Halko, Martinsson and
// Tropp 2011, algorithms 4.4 and 5.1) from a fixed start.
//
//   V: rank + 16 random rows, the same every time
//   U = orth(V A^T), B = U A, V = orth(B), until |B|^2 no longer grows
//   B B^T = E D E^T:  left vectors E^T U, right vectors and singular values E^T B
// Products of the matrix are fp32, everything of the size of the block is fp64.

#include <cstdint>
#include <vector>

namespace msmodelslim {

struct TruncatedSvd {
  std::vector<float> left;   // U S, [rows, rank]
  std::vector<float> right;  // V^T, [rank, columns]; orthonormal rows
};

// a [rows, columns], finite; 1 <= rank <= min(rows, columns). Singular values fall; of each right
// vector the largest entry is positive. Directions beyond the matrix's own rank are zero on both
// sides. All threads; the bits do not depend on their number.
TruncatedSvd truncated_svd(const float* a, std::int64_t rows, std::int64_t columns,
                           std::int64_t rank);

}  // namespace msmodelslim
