#pragma once
// Hadamard matrices of the orders that transformer widths need (entries +1 and -1, H H^T = n I).
//
// Orders 2^p come from Sylvester's doubling; the others from an odd factor K times a power of two:
//   Paley I      q = K - 1 prime, q = 3 mod 4: K = 12, 80, 140, 200
//   Williamson   four symmetric circulants A, B, C, D: K = 20, 28, 36, 52, 60, 68, 76, 108, 156,
//   172 doubling     [[B, B], [B, -B]]: K = 40, 136, 160
// They reproduce N. J. A. Sloane's tables entry by entry (reference: outlier-suppression 9.3).

#include <cstdint>
#include <vector>

namespace msmodelslim {

// The largest order K with a table for which n / K is a power of two; 1 when n itself is one; 0
// when n has no Hadamard matrix here.
std::int64_t hadamard_factor(std::int64_t n);

// H_K, row-major [k, k]. `k` must be a result of hadamard_factor().
std::vector<float> hadamard_table(std::int64_t k);

// n signs of the generator that every rotation starts anew (seed 1234).
std::vector<float> random_signs(std::int64_t n);

}  // namespace msmodelslim
