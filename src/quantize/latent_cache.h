#pragma once
// Quantized latent vectors of MLA ("FAKQuant"): one scale for all of a layer's, symmetric.
//
//   c, the normalized latent vector as it enters the cache (the rotated part of the key stays)
//   int8  s = max|c| / 127, c' = clamp(rne(c / s), -128, 127) s
//   fp8   s = max|c| / 448, c' = e4m3(c / s) s
// Source: quantizers reference 11. An engine reads c' as key and as value, and leaves queries as
// they are; so does this op. The Python tool also rounds the queries when it computes on.

#include <map>
#include <string>

#include "forward/context.h"
#include "observe/ranges.h"

namespace msmodelslim {

struct LatentScale {
  float scale = 1;
  bool fp8 = false;
};

// Of a symmetric range.
float attention_scale(const MinMax& range, bool fp8);

// x [rows, stride], of which the first `width` values of a row are rounded, in place; all threads.
void fake_quantize_latents(const LatentScale& scale, float* x, std::int64_t rows,
                           std::int64_t width, std::int64_t stride);

class LatentKvOp : public KvOp {
 public:
  explicit LatentKvOp(const LatentScale& scale) : scale_(scale) {}
  void apply(const Block& block, float* k, float* v, std::int64_t rows) override;

 private:
  LatentScale scale_;
};

}  // namespace msmodelslim
