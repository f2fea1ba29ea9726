#pragma once
// What a scale costs when rows of weights are rounded with it, and what its successor needs.

#include <cstdint>

namespace msmodelslim {

// Sums over the k values of one row: q = clamp(round_half_even(w / s), low, high).
struct RoundingSums {
  double error;  // (w - q s)^2, squared in fp32
  double wq;     // w q
  double qq;     // q q
};

// Rows that are computed together; depends on the processor, results do not.
std::int64_t rounding_rows();

// `w` holds rounding_rows() rows side by side, [k][rows]; one scale above 0 and one result a row.
// Each sum is taken in the order of k, in double. Calling thread only.
void rounding_sums(const float* w, std::int64_t k, const float* scales, float low, float high,
                   RoundingSums* sums);

}  // namespace msmodelslim
