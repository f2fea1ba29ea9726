#include "quantize/mx.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/threads.h"
#include "kernels/ops.h"
#include "kernels/small_floats.h"
#include "quantize/int8.h"

namespace msmodelslim {
namespace {

constexpr std::array<float, 8> kFp4Grid = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
constexpr float kTiny = 9.6e-7F;

int byte_range(int exponent) { return std::clamp(exponent, -127, 127); }

void round_block(MxElement element, const float* x, int exponent, float up, float* out,
                 std::int64_t count) {
  const auto round = element == MxElement::kFp8 ? round_e4m3 : round_e2m1;
  round(x, std::ldexp(1.0F, -exponent), up, out, count);
}

void fp8_row(const float* x, float* out, std::int64_t width) {
  const float scale = std::max(abs_max(x, width), 1e-12F) / 448.0F;
  round_e4m3_even(x, scale, out, width);
}

void int8_row(const float* x, float* out, std::int64_t width) {
  const MinMax range = min_max(x, width);
  const QuantParam param = integer_param(range.min, range.max, true, 8, DType::kF32);
  fake_quantize_s8(x, param.scale, param.offset, out, width);
}

void int4_row(const float* x, float clip_ratio, float* out, std::int64_t width) {
  const MinMax range = min_max(x, width);
  const float scale =
      integer_param(clip_ratio * range.min, clip_ratio * range.max, true, 4, DType::kF32).scale;
  for (std::int64_t j = 0; j < width; ++j)
    out[j] = std::clamp(std::nearbyint(x[j] / scale), -8.0F, 7.0F) * scale;
}

void dual_row(std::int64_t block, const float* x, float* out, std::int64_t width) {
  for (std::int64_t begin = 0; begin < width; begin += block) {
    const std::int64_t count = std::min(block, width - begin);
    const float largest = abs_max(x + begin, count);
    const float scale = largest > 0 ? largest / 6.0F : 1.0F;
    for (std::int64_t j = begin; j < begin + count; ++j) out[j] = x[j] / scale;
    mx_fake_quantize(MxElement::kFp4, out + begin, out + begin, count);
    for (std::int64_t j = begin; j < begin + count; ++j) out[j] *= scale;
  }
}

}  // namespace

int mx_exponent(MxElement element, float largest) {
  if (element == MxElement::kFp8) return byte_range((largest > 0 ? std::ilogb(largest) : -126) - 8);
  return byte_range(std::ilogb(largest / 0.875F + kTiny) - 2);
}

int mx_ceil_exponent(float largest, double c) {
  const float t = static_cast<float>(largest / c) + kTiny;
  int exponent = 0;
  const float mantissa = std::frexp(t, &exponent);  // t = mantissa 2^exponent, 0.5 <= mantissa < 1
  return byte_range(mantissa == 0.5F ? exponent - 1 : exponent);
}

void mx_values(MxElement element, const float* x, int exponent, float* out, std::int64_t count) {
  round_block(element, x, exponent, 1.0F, out, count);
}

void mx_round(MxElement element, const float* x, int exponent, float* out, std::int64_t count) {
  round_block(element, x, exponent, std::ldexp(1.0F, exponent), out, count);
}

std::uint8_t fp4_code(float value) {
  const auto index =
      std::lower_bound(kFp4Grid.begin(), kFp4Grid.end(), std::fabs(value)) - kFp4Grid.begin();
  return static_cast<std::uint8_t>(index + (std::signbit(value) ? 8 : 0));
}

float fp4_value(std::uint8_t code) {
  const float magnitude = kFp4Grid[code & 7U];
  return (code & 8U) != 0 ? -magnitude : magnitude;
}

void mx_fake_quantize(MxElement element, const float* x, float* out, std::int64_t count) {
  for (std::int64_t begin = 0; begin < count; begin += kMxBlock) {
    const std::int64_t width = std::min(kMxBlock, count - begin);
    const int exponent = mx_exponent(element, abs_max(x + begin, width));
    mx_round(element, x + begin, exponent, out + begin, width);
  }
}

void fake_quantize_dynamic(LinearType type, std::int64_t dual_block, float clip_ratio,
                           const float* x, std::int64_t rows, std::int64_t width, float* out) {
  parallel_for(rows, [&](std::int64_t r) {
    const float* from = x + r * width;
    float* to = out + r * width;
    switch (type) {
      case LinearType::kFp8Dynamic:
        fp8_row(from, to, width);
        return;
      case LinearType::kMxFp8:
      case LinearType::kW4A8MxFp:
        mx_fake_quantize(MxElement::kFp8, from, to, width);
        return;
      case LinearType::kMxFp4:
        mx_fake_quantize(MxElement::kFp4, from, to, width);
        return;
      case LinearType::kMxFp4Dual:
        dual_row(dual_block, from, to, width);
        return;
      case LinearType::kW4A4Dynamic:
        int4_row(from, clip_ratio, to, width);
        return;
      default:
        int8_row(from, to, width);
    }
  });
}

}  // namespace msmodelslim
