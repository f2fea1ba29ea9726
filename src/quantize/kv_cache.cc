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

namespace {

// Calls take(at, channel, code) for every value x[at].
template <typename Take>
void for_each_code(const ChannelParams& params, const float* x, std::int64_t rows,
                   const Take& take) {
  constexpr std::int64_t kGrain = 16;
  const auto width = static_cast<std::int64_t>(params.scale.size());
  parallel_ranges(rows, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      for (std::int64_t j = 0; j < width; ++j) {
        const auto channel = static_cast<std::size_t>(j);
        const float code =
            std::nearbyint(x[r * width + j] / params.scale[channel] + params.offset[channel]);
        take(r * width + j, channel, std::clamp(code, -128.0F, 127.0F));
      }
  });
}

}  // namespace

void quantize_channels(const ChannelParams& params, const float* x, std::int64_t rows,
                       std::int8_t* codes) {
  for_each_code(params, x, rows, [&](std::int64_t at, std::size_t, float code) {
    codes[at] = std::isnan(code) ? std::int8_t{0} : static_cast<std::int8_t>(code);
  });
}

void fake_quantize_channels(const ChannelParams& params, float* x, std::int64_t rows) {
  for_each_code(params, x, rows, [&](std::int64_t at, std::size_t channel, float code) {
    x[at] = (code - params.offset[channel]) * params.scale[channel];
  });
}

}  // namespace msmodelslim
