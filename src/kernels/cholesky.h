#pragma once
// Factor of the inverse of a symmetric positive definite matrix.

#include <cstdint>
#include <vector>

namespace msmodelslim {

// h [n,n], row-major; its upper triangle is read. On success h holds the upper triangular U with
// inverse(H) = U^T U (zeros below the diagonal) and true is returned; false when H is not positive
// definite in fp32, and then only what lies below the diagonal is as before. All threads; the bits
// do not depend on their number.
bool inverse_cholesky(std::vector<float>& h, std::int64_t n);

}  // namespace msmodelslim
