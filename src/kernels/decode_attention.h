#pragma once
// Grouped-query attention of one new token over cached keys and values, for many sequences at once.

#include <cstdint>
#include <vector>

#include "kernels/attention.h"
#include "tensor/dtype.h"

namespace msmodelslim {

// Keys (after RoPE) and values of a sequence so far; [count, kv_heads*head_dim], `dtype` F32 or
// BF16.
struct CachedRows {
  std::int64_t count = 0;
  DType dtype = DType::kF32;
  const void* k = nullptr;
  const void* v = nullptr;
};

struct DecodeItem {
  const float* q = nullptr;  // [heads*head_dim]
  CachedRows rows;           // the new token's are the last
  float* out = nullptr;      // like q
};

// Heads, head_dim, scale, cap, window, sinks and slopes are those of `shape`. All threads; a result
// depends neither on their number nor on the other items.
void decode_attention(const AttentionShape& shape, const std::vector<DecodeItem>& items);

}  // namespace msmodelslim
