#pragma once
// attention() of shapes with bfloat16 products, by the processor's own.

#include "kernels/attention.h"

namespace msmodelslim {

// Whether the processor has AVX512-BF16.
bool has_native_bf16_attention();
void native_bf16_attention(const AttentionShape& shape, const float* q, const float* k,
                           const float* v, float* out);

}  // namespace msmodelslim
