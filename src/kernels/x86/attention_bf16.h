#pragma once
// attention() of shapes with bfloat16 products, by the processor's own.

#include "kernels/attention.h"

namespace msmodelslim {

void native_bf16_attention(const AttentionShape& shape, const float* q, const float* k,
                           const float* v, float* out);

}  // namespace msmodelslim
