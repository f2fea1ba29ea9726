#include "kernels/decode_attention.h"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "base/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/decode_attention.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;

HWY_INLINE hn::Vec<F> Widened(const float* x) { return hn::LoadU(F(), x); }
HWY_INLINE hn::Vec<F> Widened(const std::uint16_t* x) {
  const hn::RebindToUnsigned<F> d32;
  const hn::Rebind<std::uint16_t, F> d16;
  return hn::BitCast(F(), hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, x))));
}

HWY_INLINE float One(float x) { return x; }
HWY_INLINE float One(std::uint16_t x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16);
}

// scores[g * keys + t] = q[g] k[t]; rows of k `width` apart
template <typename T>
HWY_INLINE void ScoresOf(const float* q, const T* k, std::int64_t width, std::int64_t keys,
                         std::int64_t group, std::int64_t dim, float* scores) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t t = 0; t < keys; ++t, k += width)
    for (std::int64_t g = 0; g < group; ++g) {
      const float* line = q + g * dim;
      auto sums = hn::Zero(d);
      std::int64_t i = 0;
      for (; i + lanes <= dim; i += lanes)
        sums = hn::MulAdd(hn::LoadU(d, line + i), Widened(k + i), sums);
      float sum = hn::GetLane(hn::SumOfLanes(d, sums));
      for (; i < dim; ++i) sum += line[i] * One(k[i]);
      scores[g * keys + t] = sum;
    }
}

// out[g] = sum of p[g * keys + t] v[t], four keys at a time.
template <typename T>
HWY_INLINE void WeightedSums(const float* p, const T* v, std::int64_t width, std::int64_t keys,
                             std::int64_t group, std::int64_t dim, float* out) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::fill_n(out, group * dim, 0.0F);
  std::int64_t t = 0;
  for (; t + 4 <= keys; t += 4) {
    const T* v0 = v + t * width;
    const T* v1 = v0 + width;
    const T* v2 = v1 + width;
    const T* v3 = v2 + width;
    for (std::int64_t g = 0; g < group; ++g) {
      const float* weight = p + g * keys + t;
      float* line = out + g * dim;
      const auto p0 = hn::Set(d, weight[0]);
      const auto p1 = hn::Set(d, weight[1]);
      const auto p2 = hn::Set(d, weight[2]);
      const auto p3 = hn::Set(d, weight[3]);
      std::int64_t i = 0;
      for (; i + lanes <= dim; i += lanes) {
        auto sum = hn::MulAdd(p0, Widened(v0 + i), hn::LoadU(d, line + i));
        sum = hn::MulAdd(p1, Widened(v1 + i), sum);
        sum = hn::MulAdd(p2, Widened(v2 + i), sum);
        hn::StoreU(hn::MulAdd(p3, Widened(v3 + i), sum), d, line + i);
      }
      for (; i < dim; ++i)
        for (std::int64_t r = 0; r < 4; ++r) line[i] += weight[r] * One(v0[r * width + i]);
    }
  }
  for (; t < keys; ++t)
    for (std::int64_t g = 0; g < group; ++g) {
      const float weight = p[g * keys + t];
      for (std::int64_t i = 0; i < dim; ++i) out[g * dim + i] += weight * One(v[t * width + i]);
    }
}

void Scores(const float* q, const void* k, bool bf16, std::int64_t width, std::int64_t keys,
            std::int64_t group, std::int64_t dim, float* scores) {
  if (bf16)
    ScoresOf(q, static_cast<const std::uint16_t*>(k), width, keys, group, dim, scores);
  else
    ScoresOf(q, static_cast<const float*>(k), width, keys, group, dim, scores);
}

void Mix(const float* p, const void* v, bool bf16, std::int64_t width, std::int64_t keys,
         std::int64_t group, std::int64_t dim, float* out) {
  if (bf16)
    WeightedSums(p, static_cast<const std::uint16_t*>(v), width, keys, group, dim, out);
  else
    WeightedSums(p, static_cast<const float*>(v), width, keys, group, dim, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {
namespace {

HWY_EXPORT(Scores);
HWY_EXPORT(Mix);

// A row of a cached matrix from value `at` on.
const void* address(const void* matrix, DType dtype, std::int64_t at) {
  return static_cast<const std::byte*>(matrix) + static_cast<std::size_t>(at) * dtype_size(dtype);
}

}  // namespace

void decode_attention(const AttentionShape& shape, const std::vector<DecodeItem>& items) {
  const std::int64_t dim = shape.head_dim;
  const std::int64_t group = shape.heads / shape.kv_heads;
  const std::int64_t width = shape.kv_heads * dim;
  parallel_for(static_cast<std::int64_t>(items.size()) * shape.kv_heads, [&](std::int64_t task) {
    const DecodeItem& item = items[static_cast<std::size_t>(task / shape.kv_heads)];
    const std::int64_t head = task % shape.kv_heads;
    const std::int64_t first =
        shape.window > 0 ? std::max<std::int64_t>(0, item.rows.count - shape.window) : 0;
    const std::int64_t keys = item.rows.count - first;
    thread_local std::vector<float> scores;
    scores.resize(static_cast<std::size_t>(group * keys));
    const float* q = item.q + head * group * dim;
    float* out = item.out + head * group * dim;
    const std::int64_t start = first * width + head * dim;
    const bool bf16 = item.rows.dtype == DType::kBF16;
    HWY_DYNAMIC_DISPATCH(Scores)
    (q, address(item.rows.k, item.rows.dtype, start), bf16, width, keys, group, dim, scores.data());
    for (std::int64_t g = 0; g < group; ++g)
      score_softmax(shape, head * group + g, scores.data() + g * keys, keys);
    HWY_DYNAMIC_DISPATCH(Mix)
    (scores.data(), address(item.rows.v, item.rows.dtype, start), bf16, width, keys, group, dim,
     out);
  });
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
