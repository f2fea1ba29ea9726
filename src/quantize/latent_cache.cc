#include "quantize/latent_cache.h"

#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "quantize/int8.h"
#include "tensor/codec.h"

namespace msmodelslim {

float attention_scale(const MinMax& range, bool fp8) {
  constexpr float kLargest = 448;
  constexpr float kSmallest = 0x1p-23F;
  if (!fp8) return integer_param(range.min, range.max, true, 8, DType::kF32).scale;
  return std::max(std::max(std::fabs(range.min), std::fabs(range.max)) / kLargest, kSmallest);
}

void fake_quantize_latents(const LatentScale& scale, float* x, std::int64_t rows,
                           std::int64_t width, std::int64_t stride) {
  constexpr std::int64_t kGrain = 16;
  parallel_ranges(rows, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      for (float* value = x + r * stride; value != x + r * stride + width; ++value) {
        const float scaled = *value / scale.scale;
        *value =
            scale.scale * (scale.fp8 ? e4m3_to_f32(f32_to_e4m3(std::clamp(scaled, -448.0F, 448.0F)))
                                     : std::clamp(std::nearbyint(scaled), -128.0F, 127.0F));
      }
  });
}

void LatentKvOp::apply(const Block& block, float* k, float*, std::int64_t rows) {
  const MlaSpec& spec = *block.mla->spec;
  fake_quantize_latents(scale_, k, rows, spec.latent, spec.latent + spec.rope);
}

}  // namespace msmodelslim
