#pragma once
// attention() of shapes with bfloat16 products, by the processor's own.

#include <cstdint>

#include "kernels/attention.h"

namespace msmodelslim {

void native_bf16_attention(const AttentionShape& shape, const float* q, const float* k,
                           const float* v, float* out);
// Of keys and values in bfloat16.
void native_bf16_attention(const AttentionShape& shape, const float* q, const std::uint16_t* k,
                           const std::uint16_t* v, float* out);

}  // namespace msmodelslim
