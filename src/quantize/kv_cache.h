#pragma once
// int8 KV cache ("C8"): one scale and offset per channel of every kv head.
//
//   k, v as they enter the cache: keys after RoPE, [rows, kv_heads*head_dim], head after head
//   range of every channel over all calibration tokens -> s, o by the integer rule (int8.h)
//   q = clamp(rne(x / s + o), -128, 127) is what the cache holds, (q - o) s what attention reads
// Source: quantizers reference 10, formats reference 2.13 and 6.5.
// What we do differently: the range is that of all samples, not of the last one.

#include <cstdint>
#include <vector>

#include "forward/context.h"
#include "observe/ranges.h"
#include "quantize/int8.h"

namespace msmodelslim {

struct ChannelParams {
  std::vector<float> scale;   // [kv_heads*head_dim]
  std::vector<float> offset;  // the same, zeros when symmetric
};

struct KvCacheParams {
  ChannelParams key;
  ChannelParams value;
};

// Scales are rounded to `scale_dtype`, see integer_param().
ChannelParams channel_params(const ColumnRange& range, bool symmetric, DType scale_dtype);

// x [rows, params.scale.size()] -> codes, NaN -> 0; all threads.
void quantize_channels(const ChannelParams& params, const float* x, std::int64_t rows,
                       std::int8_t* codes);
// x [rows, params.scale.size()] in place; all threads.
void fake_quantize_channels(const ChannelParams& params, float* x, std::int64_t rows);

// Attention reads what an int8 cache gives back. `params` must outlive the object.
class Int8KvOp : public KvOp {
 public:
  explicit Int8KvOp(const KvCacheParams& params) : params_(params) {}
  void apply(const Block&, float* k, float* v, std::int64_t rows) override {
    fake_quantize_channels(params_.key, k, rows);
    fake_quantize_channels(params_.value, v, rows);
  }

 private:
  const KvCacheParams& params_;
};

}  // namespace msmodelslim
