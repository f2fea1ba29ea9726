#pragma once
// Smoothing of the keys before an int8 KV cache: a scale moves from key channels to query channels.
//
//   a[h,d] = max |k[h,d]| over all tokens, k after RoPE, h a kv head
//   RoPE rotates the pair (d, d + half): both get one factor  p[h,d] = max(a[h,d], a[h,d+half])
//   weights of q_proj, k_proj:  s[h] = p[h]^f;               k rows and bias / s[h],
//                               q rows and bias of the query heads that read h * s[h]
//   a norm behind k_proj:       s = (max over h of p[h])^f;  k_norm / s, q_norm * s
// so q k^T after RoPE stays as it is. f = 1 makes the largest |k| of every pair 1.
// Source: outlier-suppression reference 8.
// What we do differently: a pair that is always zero keeps its scale (the Python tool divides by
// 0); any model is taken, with or without an adapter; rotary embeddings of a part of the head too.

#include <cstdint>
#include <vector>

#include "observe/ranges.h"

namespace msmodelslim {

struct KeyShape {
  std::int64_t heads = 0;     // query heads
  std::int64_t kv_heads = 0;  // divides heads
  std::int64_t head_dim = 0;
  std::int64_t half = 0;  // channels d and d + half are rotated together for d < half
};

// `keys`: range of every key channel [kv_heads*head_dim]. The result is positive and finite and has
// that size; `shared`: one scale for all heads, [head_dim].
std::vector<float> key_scales(const ColumnRange& keys, const KeyShape& shape, double factor,
                              bool shared);

// Moves the scales, made with `shared` for a block with norms behind q and k.
void smooth_keys(Block& block, const KeyShape& shape, const std::vector<float>& scales);

}  // namespace msmodelslim
