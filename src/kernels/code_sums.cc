#include "kernels/code_sums.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/code_sums.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace msmodelslim {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::ScalableTag<float>;

HWY_INLINE void ScaleRow(const std::int32_t* sums, float scale, const float* column_scale,
                         const float* bias, std::int64_t count, float* y) {
  const F d;
  const hn::RebindToSigned<F> di;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto factor = hn::Set(d, scale);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    auto value = hn::Mul(hn::Mul(hn::ConvertTo(d, hn::LoadU(di, sums + i)), factor),
                         hn::LoadU(d, column_scale + i));
    if (bias != nullptr) value = hn::Add(value, hn::LoadU(d, bias + i));
    hn::StoreU(value, d, y + i);
  }
  for (; i < count; ++i) {
    y[i] = static_cast<float>(sums[i]) * scale * column_scale[i];
    if (bias != nullptr) y[i] += bias[i];
  }
}

HWY_INLINE void ScaleBiasedRow(const std::int32_t* sums, const std::int32_t* sum_bias,
                               const float* column_scale, const float* bias, std::int64_t count,
                               float* y) {
  const F d;
  const hn::RebindToSigned<F> di;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto sum = hn::Add(hn::LoadU(di, sums + i), hn::LoadU(di, sum_bias + i));
    auto value = hn::Mul(hn::ConvertTo(d, sum), hn::LoadU(d, column_scale + i));
    if (bias != nullptr) value = hn::Add(value, hn::LoadU(d, bias + i));
    hn::StoreU(value, d, y + i);
  }
  for (; i < count; ++i) {
    const auto sum = static_cast<std::uint32_t>(sums[i]) + static_cast<std::uint32_t>(sum_bias[i]);
    y[i] = static_cast<float>(static_cast<std::int32_t>(sum)) * column_scale[i];
    if (bias != nullptr) y[i] += bias[i];
  }
}

void ScaleSums(const SumTile& tile, const float* row_scale, const float* column_scale,
               const float* bias, float* y, std::int64_t ldy) {
  for (std::int64_t r = 0; r < tile.rows; ++r)
    ScaleRow(tile.sums + r * tile.stride, row_scale[r], column_scale, bias, tile.cols, y + r * ldy);
}

void ScaleBiasedSums(const SumTile& tile, const std::int32_t* sum_bias, const float* column_scale,
                     const float* bias, float* y, std::int64_t ldy) {
  for (std::int64_t r = 0; r < tile.rows; ++r)
    ScaleBiasedRow(tile.sums + r * tile.stride, sum_bias, column_scale, bias, tile.cols,
                   y + r * ldy);
}

}  // namespace HWY_NAMESPACE
}  // namespace msmodelslim
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace msmodelslim {
namespace {

HWY_EXPORT(ScaleSums);
HWY_EXPORT(ScaleBiasedSums);

}  // namespace

void scale_sums(const SumTile& tile, const float* row_scale, const float* column_scale,
                const float* bias, float* y, std::int64_t ldy) {
  HWY_DYNAMIC_DISPATCH(ScaleSums)(tile, row_scale, column_scale, bias, y, ldy);
}

void scale_biased_sums(const SumTile& tile, const std::int32_t* sum_bias, const float* column_scale,
                       const float* bias, float* y, std::int64_t ldy) {
  HWY_DYNAMIC_DISPATCH(ScaleBiasedSums)(tile, sum_bias, column_scale, bias, y, ldy);
}

}  // namespace msmodelslim
#endif  // HWY_ONCE
