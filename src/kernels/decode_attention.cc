#include "kernels/decode_attention.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <numeric>
#include <type_traits>

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

HWY_INLINE hn::Vec<F> Widened(const std::int8_t* x) {
  const hn::Rebind<std::int8_t, F> d8;
  return hn::ConvertTo(F(), hn::PromoteTo(hn::RebindToSigned<F>(), hn::LoadU(d8, x)));
}

HWY_INLINE float One(float x) { return x; }
HWY_INLINE float One(std::int8_t x) { return static_cast<float>(x); }
HWY_INLINE float One(std::uint16_t x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16);
}

#if HWY_TARGET == HWY_SCALAR

HWY_INLINE void SumsOf(hn::Vec<F> a0, hn::Vec<F> a1, hn::Vec<F> a2, hn::Vec<F> a3, float* sums) {
  sums[0] = hn::GetLane(a0);
  sums[1] = hn::GetLane(a1);
  sums[2] = hn::GetLane(a2);
  sums[3] = hn::GetLane(a3);
}

#else

// sums[i] of lanes i, i + 4, i + 8 ...
template <class D>
HWY_INLINE void AddQuarters(D d, hn::Vec<D> v, float* sums) {
#if HWY_HAVE_SCALABLE
  HWY_ALIGN float parts[hn::MaxLanes(d)];
  hn::Store(v, d, parts);
  for (int r = 0; r < 4; ++r) sums[r] = parts[r];
  for (std::size_t block = 4; block < hn::Lanes(d); block += 4)
    for (std::size_t r = 0; r < 4; ++r) sums[r] += parts[block + r];
#else
  if constexpr (hn::MaxLanes(d) > 4) {
    const hn::Half<D> half;
    AddQuarters(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)), sums);
  } else {
    hn::StoreU(v, d, sums);
  }
#endif
}

// The sums of the lanes of four vectors.
HWY_INLINE void SumsOf(hn::Vec<F> a0, hn::Vec<F> a1, hn::Vec<F> a2, hn::Vec<F> a3, float* sums) {
  const F d;
  const hn::Repartition<double, F> pairs;
  const auto a01 = hn::Add(hn::InterleaveLower(d, a0, a1), hn::InterleaveUpper(d, a0, a1));
  const auto a23 = hn::Add(hn::InterleaveLower(d, a2, a3), hn::InterleaveUpper(d, a2, a3));
  const auto low = hn::InterleaveLower(pairs, hn::BitCast(pairs, a01), hn::BitCast(pairs, a23));
  const auto high = hn::InterleaveUpper(pairs, hn::BitCast(pairs, a01), hn::BitCast(pairs, a23));
  AddQuarters(d, hn::Add(hn::BitCast(d, low), hn::BitCast(d, high)), sums);
}

#endif

// scores[g * keys + t] = q[g] k[t] for `Heads` <= 4 heads; rows of k `width` apart
template <int Heads, typename T>
HWY_INLINE void ScoresOf(const float* q, const T* k, std::int64_t width, std::int64_t keys,
                         std::int64_t dim, float* scores) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const float* q1 = q + (Heads > 1 ? dim : 0);
  const float* q2 = q + (Heads > 2 ? 2 * dim : 0);
  const float* q3 = q + (Heads > 3 ? 3 * dim : 0);
  for (std::int64_t t = 0; t < keys; ++t, k += width) {
    auto a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0;
    std::int64_t i = 0;
    for (; i + lanes <= dim; i += lanes) {
      const auto key = Widened(k + i);
      a0 = hn::MulAdd(hn::LoadU(d, q + i), key, a0);
      if constexpr (Heads > 1) a1 = hn::MulAdd(hn::LoadU(d, q1 + i), key, a1);
      if constexpr (Heads > 2) a2 = hn::MulAdd(hn::LoadU(d, q2 + i), key, a2);
      if constexpr (Heads > 3) a3 = hn::MulAdd(hn::LoadU(d, q3 + i), key, a3);
    }
    float sums[4];
    SumsOf(a0, a1, a2, a3, sums);
    for (int g = 0; g < Heads; ++g) {
      for (std::int64_t rest = i; rest < dim; ++rest) sums[g] += q[g * dim + rest] * One(k[rest]);
      scores[g * keys + t] = sums[g];
    }
  }
}

// out[g] = sum of p[g * keys + t] v[t] for `Heads` <= 4 heads
template <int Heads, typename T>
HWY_INLINE void WeightedSums(const float* p, const T* v, std::int64_t width, std::int64_t keys,
                             std::int64_t dim, float* out) {
  const F d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + 2 * lanes <= dim; i += 2 * lanes) {
    auto a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    const T* row = v + i;
    for (std::int64_t t = 0; t < keys; ++t, row += width) {
      const auto left = Widened(row);
      const auto right = Widened(row + lanes);
      const auto add = [&](int g, auto& a, auto& b) HWY_ATTR {
        const auto weight = hn::Set(d, p[g * keys + t]);
        a = hn::MulAdd(weight, left, a);
        b = hn::MulAdd(weight, right, b);
      };
      add(0, a0, b0);
      if constexpr (Heads > 1) add(1, a1, b1);
      if constexpr (Heads > 2) add(2, a2, b2);
      if constexpr (Heads > 3) add(3, a3, b3);
    }
    const auto keep = [&](int g, auto a, auto b) HWY_ATTR {
      hn::StoreU(a, d, out + g * dim + i);
      hn::StoreU(b, d, out + g * dim + i + lanes);
    };
    keep(0, a0, b0);
    if constexpr (Heads > 1) keep(1, a1, b1);
    if constexpr (Heads > 2) keep(2, a2, b2);
    if constexpr (Heads > 3) keep(3, a3, b3);
  }
  for (; i < dim; ++i)
    for (int g = 0; g < Heads; ++g) {
      float sum = 0;
      for (std::int64_t t = 0; t < keys; ++t) sum += p[g * keys + t] * One(v[t * width + i]);
      out[g * dim + i] = sum;
    }
}

// Calls do_heads(integral constant of 1 to 4, first head) for all heads of a group.
template <typename DoHeads>
HWY_INLINE void InFours(std::int64_t group, const DoHeads& do_heads) {
  std::int64_t g = 0;
  for (; g + 4 <= group; g += 4) do_heads(std::integral_constant<int, 4>(), g);
  if (group - g == 3) do_heads(std::integral_constant<int, 3>(), g);
  if (group - g == 2) do_heads(std::integral_constant<int, 2>(), g);
  if (group - g == 1) do_heads(std::integral_constant<int, 1>(), g);
}

template <typename T>
HWY_INLINE void GroupScores(const float* q, const T* k, std::int64_t width, std::int64_t keys,
                            std::int64_t group, std::int64_t dim, float* scores) {
  InFours(group, [&](auto heads, std::int64_t g) HWY_ATTR {
    ScoresOf<decltype(heads)::value>(q + g * dim, k, width, keys, dim, scores + g * keys);
  });
}

template <typename T>
HWY_INLINE void GroupSums(const float* p, const T* v, std::int64_t width, std::int64_t keys,
                          std::int64_t group, std::int64_t dim, float* out) {
  InFours(group, [&](auto heads, std::int64_t g) HWY_ATTR {
    WeightedSums<decltype(heads)::value>(p + g * keys, v, width, keys, dim, out + g * dim);
  });
}

void Scores(const float* q, const void* k, DType dtype, std::int64_t width, std::int64_t keys,
            std::int64_t group, std::int64_t dim, float* scores) {
  if (dtype == DType::kBF16)
    GroupScores(q, static_cast<const std::uint16_t*>(k), width, keys, group, dim, scores);
  else if (dtype == DType::kI8)
    GroupScores(q, static_cast<const std::int8_t*>(k), width, keys, group, dim, scores);
  else
    GroupScores(q, static_cast<const float*>(k), width, keys, group, dim, scores);
}

void Mix(const float* p, const void* v, DType dtype, std::int64_t width, std::int64_t keys,
         std::int64_t group, std::int64_t dim, float* out) {
  if (dtype == DType::kBF16)
    GroupSums(p, static_cast<const std::uint16_t*>(v), width, keys, group, dim, out);
  else if (dtype == DType::kI8)
    GroupSums(p, static_cast<const std::int8_t*>(v), width, keys, group, dim, out);
  else
    GroupSums(p, static_cast<const float*>(v), width, keys, group, dim, out);
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

// q' = q scale, so that the scores of codes are q' k - q' offset, whose last part is `shift`, one
// for each of the group's heads. `scales` begin at the heads' channels.
void scale_queries(const float* q, const ChannelScales& scales, std::int64_t group,
                   std::int64_t dim, float* scaled, float* shift) {
  for (std::int64_t g = 0; g < group; ++g) {
    shift[g] = 0;
    for (std::int64_t i = 0; i < dim; ++i) {
      const float value = q[g * dim + i] * scales.scale[i];
      scaled[g * dim + i] = value;
      shift[g] += value * scales.offset[i];
    }
  }
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
    thread_local std::vector<float> scaled;
    scores.resize(static_cast<std::size_t>(group * keys));
    const float* q = item.q + head * group * dim;
    const bool codes = item.rows.dtype == DType::kI8;
    if (codes) {
      scaled.resize(static_cast<std::size_t>(group * (dim + 1)));
      const ChannelScales& all = item.rows.k_scales;
      scale_queries(q, {all.scale + head * dim, all.offset + head * dim}, group, dim, scaled.data(),
                    scaled.data() + group * dim);
      q = scaled.data();
    }
    float* out = item.out + head * group * dim;
    const std::int64_t start = first * width + head * dim;
    const DType dtype = item.rows.dtype;
    HWY_DYNAMIC_DISPATCH(Scores)
    (q, address(item.rows.k, dtype, start), dtype, width, keys, group, dim, scores.data());
    for (std::int64_t g = 0; g < group; ++g) {
      float* line = scores.data() + g * keys;
      if (codes)
        for (std::int64_t t = 0; t < keys; ++t)
          line[t] -= scaled[static_cast<std::size_t>(group * dim + g)];
      score_softmax(shape, head * group + g, line, keys);
    }
    HWY_DYNAMIC_DISPATCH(Mix)
    (scores.data(), address(item.rows.v, dtype, start), dtype, width, keys, group, dim, out);
    if (!codes) return;
    const ChannelScales& all = item.rows.v_scales;
    for (std::int64_t g = 0; g < group; ++g) {
      const float* line = scores.data() + g * keys;
      const float sum = std::accumulate(line, line + keys, 0.0F);  // less than 1 with sinks
      for (std::int64_t i = 0; i < dim; ++i)
        out[g * dim + i] =
            (out[g * dim + i] - sum * all.offset[head * dim + i]) * all.scale[head * dim + i];
    }
  });
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
