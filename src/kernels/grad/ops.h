#pragma once
// Gradients of the elementwise and row operations of the forward pass, fp32, row-major: what comes
// back for x when `dy` comes in for y. On the calling thread; callers cut rows into pieces.

#include <cstdint>

namespace msmodelslim {

// y = x r w (+ b), r = 1 / sqrt(mean(x^2) + eps):
//   dx = r (w dy) - x r^3 / width * sum(x w dy)
// dx may be dy. The sums are double.
void rms_norm_grad(const float* x, const float* weight, float eps, const float* dy, float* dx,
                   std::int64_t rows, std::int64_t width);

// y = silu(gate) up, s = 1 / (1 + exp(-gate)):
//   dgate = dy up s (1 + gate (1 - s)),  dup = dy gate s
// dup may be dy.
void silu_mul_grad(const float* gate, const float* up, const float* dy, float* dgate, float* dup,
                   std::int64_t count);

// The transpose of rotate_half() (kernels/rope.h), in place.
void rotate_half_grad(float* dy, std::int64_t rows, std::int64_t heads, std::int64_t head_dim,
                      std::int64_t half, const float* cos, const float* sin, std::int64_t position);

// d[i] = sign(y[i] - target[i]), 0 for equal values, the gradient of the sum of |y - target|;
// returns that sum.
double absolute_error(const float* y, const float* target, float* d, std::int64_t count);
// d[i] = 2 (y[i] - target[i]), the gradient of the sum of squares; returns that sum.
double squared_error(const float* y, const float* target, float* d, std::int64_t count);

}  // namespace msmodelslim
