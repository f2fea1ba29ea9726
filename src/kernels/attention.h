#pragma once
// Causal grouped-query attention of one sequence.

#include <cstdint>

namespace msmodelslim {

struct AttentionShape {
  std::int64_t query_rows = 0;  // new tokens
  std::int64_t key_rows = 0;    // cached + new tokens; query i sees keys <= key_rows-query_rows+i
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  // divides heads; query head j reads kv head j / (heads / kv_heads)
  std::int64_t head_dim = 0;
  float scale = 0;               // scores are multiplied by it
  std::int64_t window = 0;       // > 0: a query sees the last `window` keys, itself included
  std::int64_t value_dim = 0;    // of v and out; 0: head_dim
  float cap = 0;                 // > 0: scaled scores become cap * tanh(score / cap)
  const float* sinks = nullptr;  // [heads]: a score without a key, which takes its share
  // ALiBi, [heads]: a scaled score falls by it with every key between query and key.
  const float* slopes = nullptr;
  // Both products of values rounded to bfloat16, with sums in fp32; attention() only. Weights of
  // plain scores are rounded as shares of the highest one.
  bool bf16 = false;
  const std::uint8_t* allowed = nullptr;  // [query_rows, key_rows]: 0 hides a key; attention() only
};

// Whether scores are only scaled.
bool has_plain_scores(const AttentionShape& shape);
// Softmax of the shape's scaled and capped scores of a head, in place; the last is of the query's
// own key.
void score_softmax(const AttentionShape& shape, std::int64_t head, float* scores,
                   std::int64_t count);

// q [query_rows, heads*head_dim], k [key_rows, kv_heads*head_dim], v [key_rows,
// kv_heads*value_dim], out [query_rows, heads*value_dim]. All threads; the result does not depend
// on their number.
void attention(const AttentionShape& shape, const float* q, const float* k, const float* v,
               float* out);
// The same of keys and values in bfloat16 and a shape that says so.
void attention_bf16(const AttentionShape& shape, const float* q, const std::uint16_t* k,
                    const std::uint16_t* v, float* out);

}  // namespace msmodelslim
