#pragma once
// Log-probabilities out of logits, and their divergence. One row, on the calling thread; short runs
// of fp32 sums are joined in double.

#include <cstdint>

namespace msmodelslim {

// x[i] -= log(sum(exp(x)))
void log_softmax(float* x, std::int64_t count);

// sum exp(p[i]) (p[i] - q[i]) of two rows of log-probabilities: KL(p || q).
double kl_divergence(const float* p, const float* q, std::int64_t count);

}  // namespace msmodelslim
