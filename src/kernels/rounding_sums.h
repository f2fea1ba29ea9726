#pragma once
// What a scale costs when a row of weights is rounded with it, and what its successor needs.

#include <cstdint>

namespace msmodelslim {

// Sums over the k values of a row: q = clamp(round_half_even(w / s), low, high).
struct RoundingSums {
  double error;  // (w - q s)^2, squared in fp32
  double wq;     // w q
  double qq;     // q q
};

// Partial sums in double of values i, i + kRoundingLanes, ..., whose results are added in order:
// the same bits on every processor.
constexpr std::int64_t kRoundingLanes = 16;

// scale > 0, -128 <= low, high <= 127. Calling thread only.
RoundingSums rounding_sums(const float* w, std::int64_t k, float scale, float low, float high);

}  // namespace msmodelslim
