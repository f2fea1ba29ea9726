#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/threads.h"
#include "kernels/gemm.h"
#include "kernels/ops.h"
#ifdef __x86_64__
#include "kernels/x86/attention_bf16.h"
#include "kernels/x86/features.h"
#endif

namespace msmodelslim {
namespace {

constexpr std::int64_t kQueryTile = 128;
constexpr std::int64_t kGrain = 1 << 14;  // values

// softmax([scale * scores | sink]) without its last value.
void softmax_with_sink(float scale, float sink, float* scores, std::int64_t count) {
  float most = sink;
  for (std::int64_t i = 0; i < count; ++i) {
    scores[i] *= scale;
    most = std::max(most, scores[i]);
  }
  float sum = std::exp(sink - most);
  for (std::int64_t i = 0; i < count; ++i) {
    scores[i] = std::exp(scores[i] - most);
    sum += scores[i];
  }
  for (std::int64_t i = 0; i < count; ++i) scores[i] /= sum;
}

}  // namespace

bool has_plain_scores(const AttentionShape& shape) {
  return shape.sinks == nullptr && shape.slopes == nullptr && shape.cap <= 0 && shape.scale > 0;
}

void score_softmax(const AttentionShape& shape, std::int64_t head, float* scores,
                   std::int64_t count) {
  if (shape.sinks != nullptr)
    return softmax_with_sink(shape.scale, shape.sinks[head], scores, count);
  if (shape.slopes != nullptr) {
    for (std::int64_t i = 0; i < count; ++i)
      scores[i] = scores[i] * shape.scale - shape.slopes[head] * static_cast<float>(count - 1 - i);
    softmax(scores, 1, count);
    return;
  }
  if (shape.cap <= 0) {
    softmax(scores, shape.scale, count);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i)
    scores[i] = shape.cap * std::tanh(scores[i] * shape.scale / shape.cap);
  softmax(scores, 1, count);
}

namespace {

// The weights of bfloat16 products, rounded as they are there (x86/attention_bf16.cc): those of
// plain scores as shares of the highest one, which is returned, to multiply the products with.
float round_weights(const AttentionShape& shape, float* weights, std::int64_t count) {
  float highest = 1;
  if (has_plain_scores(shape)) {
    highest = *std::max_element(weights, weights + count);
    for (std::int64_t i = 0; i < count; ++i) weights[i] /= highest;
  }
  round_bf16(weights, weights, count);
  return highest;
}

// With `bf16` the weights are rounded; q, k and v are already.
void fp32_attention(const AttentionShape& shape, const float* q, const float* k, const float* v,
                    float* out) {
  const std::int64_t tiles = (shape.query_rows + kQueryTile - 1) / kQueryTile;
  const std::int64_t group = shape.heads / shape.kv_heads;
  const std::int64_t q_width = shape.heads * shape.head_dim;
  const std::int64_t value_dim = shape.value_dim > 0 ? shape.value_dim : shape.head_dim;
  const std::int64_t k_width = shape.kv_heads * shape.head_dim;
  const std::int64_t v_width = shape.kv_heads * value_dim;
  const std::int64_t out_width = shape.heads * value_dim;
  const std::int64_t past = shape.key_rows - shape.query_rows;
  parallel_for(shape.heads * tiles, [&](std::int64_t item) {
    // The last tiles see the most keys: they go first, so that threads end together.
    const std::int64_t tile = tiles - 1 - item / shape.heads;
    const std::int64_t head = item % shape.heads;
    const std::int64_t row = tile * kQueryTile;
    const std::int64_t rows = std::min(kQueryTile, shape.query_rows - row);
    const std::int64_t key_end = past + row + rows;
    const std::int64_t key_begin =
        shape.window > 0 ? std::max<std::int64_t>(0, past + row - shape.window + 1) : 0;
    const std::int64_t keys = key_end - key_begin;
    thread_local std::vector<float> scores;
    scores.resize(static_cast<std::size_t>(rows * keys));
    const std::int64_t k_offset = head / group * shape.head_dim + key_begin * k_width;
    const std::int64_t v_offset = head / group * value_dim + key_begin * v_width;
    const float* query = q + row * q_width + head * shape.head_dim;
    matmul_nt_tile(query, q_width, k + k_offset, k_width, scores.data(), keys, rows, keys,
                   shape.head_dim);
    float factors[kQueryTile];
    for (std::int64_t i = 0; i < rows; ++i) {
      float* line = scores.data() + i * keys;
      const std::int64_t last = past + row + i - key_begin;  // index of the newest visible key
      const std::int64_t first =
          shape.window > 0 ? std::max<std::int64_t>(0, last - shape.window + 1) : 0;
      if (shape.allowed != nullptr) {
        const std::uint8_t* allowed = shape.allowed + (row + i) * shape.key_rows + key_begin;
        for (std::int64_t j = first; j <= last; ++j)
          if (allowed[j] == 0) line[j] = -std::numeric_limits<float>::infinity();
      }
      score_softmax(shape, head, line + first, last - first + 1);
      if (shape.bf16) factors[i] = round_weights(shape, line + first, last - first + 1);
      std::fill(line, line + first, 0.0F);
      std::fill(line + last + 1, line + keys, 0.0F);
    }
    float* to = out + row * out_width + head * value_dim;
    matmul_nn_tile(scores.data(), keys, v + v_offset, v_width, to, out_width, rows, value_dim,
                   keys);
    if (!shape.bf16) return;
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < value_dim; ++j) to[i * out_width + j] *= factors[i];
  });
}

// Values of bfloat16 as fp32.
std::vector<float> rounded(const float* values, std::int64_t count) {
  std::vector<float> copy(static_cast<std::size_t>(count));
  parallel_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    round_bf16(values + begin, copy.data() + begin, end - begin);
  });
  return copy;
}

std::vector<float> rounded(const std::uint16_t* values, std::int64_t count) {
  std::vector<float> copy(static_cast<std::size_t>(count));
  parallel_ranges(count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    bf16_to_f32(values + begin, copy.data() + begin, end - begin);
  });
  return copy;
}

// Where the processor has no bfloat16 products: rounded values in fp32.
template <typename T>
void rounded_attention(const AttentionShape& shape, const float* q, const T* k, const T* v,
                       float* out) {
  const std::int64_t value_dim = shape.value_dim > 0 ? shape.value_dim : shape.head_dim;
  const auto queries = rounded(q, shape.query_rows * shape.heads * shape.head_dim);
  const auto keys = rounded(k, shape.key_rows * shape.kv_heads * shape.head_dim);
  const auto values = rounded(v, shape.key_rows * shape.kv_heads * value_dim);
  fp32_attention(shape, queries.data(), keys.data(), values.data(), out);
}

}  // namespace

void attention(const AttentionShape& shape, const float* q, const float* k, const float* v,
               float* out) {
  if (!shape.bf16) return fp32_attention(shape, q, k, v, out);
#ifdef __x86_64__
  if (has_avx512_bf16()) return native_bf16_attention(shape, q, k, v, out);
#endif
  rounded_attention(shape, q, k, v, out);
}

void attention_bf16(const AttentionShape& shape, const float* q, const std::uint16_t* k,
                    const std::uint16_t* v, float* out) {
#ifdef __x86_64__
  if (has_avx512_bf16()) return native_bf16_attention(shape, q, k, v, out);
#endif
  rounded_attention(shape, q, k, v, out);
}

}  // namespace msmodelslim
