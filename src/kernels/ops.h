#pragma once
// Elementwise and row operations of the forward pass and of the statistics, fp32, row-major.
// Vector code is written once with Highway (ops.cc); kernels/reference.h has the plain versions
// that the tests compare with. Functions run on the calling thread; callers cut rows into pieces.

#include <cstddef>
#include <cstdint>

namespace msmodelslim {

// out[r,:] = x[r,:] * rsqrt(mean(x[r,:]^2) + eps) * weight (+ bias, when not null).
// The mean is summed in double.
void rms_norm(const float* x, const float* weight, const float* bias, float eps, float* out,
              std::int64_t rows, std::int64_t width);

// out = silu(gate) * up = gate / (1 + exp(-gate)) * up
void silu_mul(const float* gate, const float* up, float* out, std::int64_t count);

// out = a + b; out may be one of them.
void add(const float* a, const float* b, float* out, std::int64_t count);
void add_to(float* accumulator, const float* x, std::int64_t count);
void add_bias(float* y, const float* bias, std::int64_t rows, std::int64_t width);

// x[i] *= scale; x[i] = exp(x[i] - max); divided by their sum. One row, in place.
void softmax(float* x, float scale, std::int64_t count);

// Rounds to bfloat16 / half and back, to nearest even.
void round_bf16(const float* x, float* out, std::int64_t count);

struct MinMax {
  float min;
  float max;
};
// Smallest and largest value; NaN anywhere gives NaN in both. count >= 1.
MinMax min_max(const float* x, std::int64_t count);
// Largest |x|; NaN anywhere gives NaN.
float abs_max(const float* x, std::int64_t count);
// min[j], max[j] take in x[r,j] of every row.
void column_min_max(const float* x, std::int64_t rows, std::int64_t width, float* min, float* max);

// codes = clamp(round_half_even(x / scale + offset), low, 127).
void quantize_s8(const float* x, float scale, float offset, float low, std::int8_t* codes,
                 std::int64_t count);
// out = (clamp(round_half_even(x / scale + offset), -128, 127) - offset) * scale
void fake_quantize_s8(const float* x, float scale, float offset, float* out, std::int64_t count);

void bf16_to_f32(const std::uint16_t* x, float* out, std::int64_t count);
// To nearest even.
void f32_to_bf16(const float* x, std::uint16_t* out, std::int64_t count);

}  // namespace msmodelslim
