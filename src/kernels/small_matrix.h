#pragma once
// Square matrices of at most a few hundred rows, in double, row-major, on the calling thread.

#include <cstdint>
#include <vector>

namespace msmodelslim {

using SmallMatrix = std::vector<double>;  // [n, n]

SmallMatrix identity_matrix(std::int64_t n);
SmallMatrix transposed(const SmallMatrix& a, std::int64_t n);
SmallMatrix product(const SmallMatrix& a, const SmallMatrix& b, std::int64_t n);
// Gauss-Jordan with the largest pivot of each column; empty when a pivot is 0 or not finite.
SmallMatrix inverse(SmallMatrix a, std::int64_t n);

}  // namespace msmodelslim
