#pragma once
// Gradient of the causal grouped-query attention of one sequence (kernels/attention.h), fp32.
//
//   P = softmax(scale Q K^T),  O = P V
//   dV = P^T dO,  dP = dO V^T,  dS = P (dP - sum(dO O)),  dQ = scale dS K,  dK = scale dS^T Q
// Nothing of the size rows x rows is kept: a tile of P is computed again from Q and K.

#include "kernels/attention.h"

namespace msmodelslim {

// q, out, dout, dq [rows, heads*head_dim]; k, v, dk, dv [rows, kv_heads*head_dim];
// shape.query_rows == shape.key_rows. All threads; the result does not depend on their number.
void attention_grad(const AttentionShape& shape, const float* q, const float* k, const float* v,
                    const float* out, const float* dout, float* dq, float* dk, float* dv);

}  // namespace msmodelslim
