#include "kernels/decode_attention.h"

#include <algorithm>

#include "base/threads.h"
#include "kernels/ops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/decode_attention.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;

// scores[i] = q[i] k, of `group` query heads.
void Scores(const float* q, const float* k, std::int64_t group, std::int64_t dim, float* scores,
            std::int64_t stride) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t g = 0; g < group; ++g) {
    const float* line = q + g * dim;
    auto sums = hn::Zero(d);
    std::int64_t i = 0;
    for (; i + lanes <= dim; i += lanes)
      sums = hn::MulAdd(hn::LoadU(d, line + i), hn::LoadU(d, k + i), sums);
    float sum = hn::GetLane(hn::SumOfLanes(d, sums));
    for (; i < dim; ++i) sum += line[i] * k[i];
    scores[g * stride] = sum;
  }
}

// out[i] += p[i] v
void Accumulate(const float* p, std::int64_t stride, const float* v, std::int64_t group,
                std::int64_t dim, float* out) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t g = 0; g < group; ++g) {
    const float weight = p[g * stride];
    const auto factor = hn::Set(d, weight);
    float* line = out + g * dim;
    std::int64_t i = 0;
    for (; i + lanes <= dim; i += lanes)
      hn::StoreU(hn::MulAdd(factor, hn::LoadU(d, v + i), hn::LoadU(d, line + i)), d, line + i);
    for (; i < dim; ++i) line[i] += weight * v[i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {
namespace {

HWY_EXPORT(Scores);
HWY_EXPORT(Accumulate);

// Values [at, at + count) of a cached matrix; `scratch` holds them when they are not fp32.
const float* values_at(const void* matrix, DType dtype, std::int64_t at, std::int64_t count,
                       float* scratch) {
  if (dtype == DType::kF32) return static_cast<const float*>(matrix) + at;
  bf16_to_f32(static_cast<const std::uint16_t*>(matrix) + at, scratch, count);
  return scratch;
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
    thread_local std::vector<float> row;
    scores.resize(static_cast<std::size_t>(group * keys));
    row.resize(static_cast<std::size_t>(dim));
    const float* q = item.q + head * group * dim;
    float* out = item.out + head * group * dim;
    const std::int64_t start = first * width + head * dim;
    for (std::int64_t t = 0; t < keys; ++t) HWY_DYNAMIC_DISPATCH(Scores)
    (q, values_at(item.rows.k, item.rows.dtype, start + t * width, dim, row.data()), group, dim,
     scores.data() + t, keys);
    for (std::int64_t g = 0; g < group; ++g)
      score_softmax(shape, head * group + g, scores.data() + g * keys, keys);
    std::fill_n(out, group * dim, 0.0F);
    for (std::int64_t t = 0; t < keys; ++t) HWY_DYNAMIC_DISPATCH(Accumulate)
    (scores.data() + t, keys,
     values_at(item.rows.v, item.rows.dtype, start + t * width, dim, row.data()), group, dim, out);
  });
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
