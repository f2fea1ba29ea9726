#pragma once
// Grouped-query attention of one new token over cached keys and values, for many sequences at once.

#include <cstdint>
#include <vector>

#include "kernels/attention.h"
#include "tensor/dtype.h"

namespace msmodelslim {

// Codes of int8 stand for (code - offset) * scale of their channel, [kv_heads*head_dim].
struct ChannelScales {
  const float* scale = nullptr;
  const float* offset = nullptr;
};

// Keys (after RoPE) and values of a sequence so far; [count, kv_heads*head_dim], `dtype` F32, BF16
// or I8, which alone has scales.
struct CachedRows {
  std::int64_t count = 0;
  DType dtype = DType::kF32;
  const void* k = nullptr;
  const void* v = nullptr;
  ChannelScales k_scales = {};
  ChannelScales v_scales = {};
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
