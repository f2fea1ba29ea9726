#pragma once
// Rotate-half rotary embedding: out[i] = x[i] c - x[i+half] s ; out[i+half] = x[i+half] c + x[i] s.

#include <cstdint>

namespace msmodelslim {

// x [rows, heads, head_dim] in place, the first 2*half dimensions of each head; row r uses line
// `position + r` of cos and sin [positions, half].
void rotate_half(float* x, std::int64_t rows, std::int64_t heads, std::int64_t head_dim,
                 std::int64_t half, const float* cos, const float* sin, std::int64_t position);

// The same of neighbours, x[2i] and x[2i+1], in rows of `width` values of which the first 2*half
// are rotated; row r = token * heads + head, tokens as above.
void rotate_pairs(float* x, std::int64_t tokens, std::int64_t heads, std::int64_t width,
                  std::int64_t half, const float* cos, const float* sin, std::int64_t position);

}  // namespace msmodelslim
