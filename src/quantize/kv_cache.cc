#include "quantize/kv_cache.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"

namespace msmodelslim {

ChannelParams channel_params(const ColumnRange& range, bool symmetric, DType scale_dtype) {
  ChannelParams params;
  for (std::size_t j = 0; j < range.min.size(); ++j) {
    const QuantParam param = integer_param(range.min[j], range.max[j], symmetric, 8, scale_dtype);
    params.scale.push_back(param.scale);
    params.offset.push_back(param.offset);
  }
  return params;
}

void fake_quantize_channels(const ChannelParams& params, float* x, std::int64_t rows) {
  constexpr std::int64_t kGrain = 16;
  const auto width = static_cast<std::int64_t>(params.scale.size());
  parallel_ranges(rows, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      for (std::size_t j = 0; j < params.scale.size(); ++j) {
        float& value = x[r * width + static_cast<std::int64_t>(j)];
        const float code =
            std::clamp(std::nearbyint(value / params.scale[j] + params.offset[j]), -128.0F, 127.0F);
        value = (code - params.offset[j]) * params.scale[j];
      }
  });
}

}  // namespace msmodelslim
