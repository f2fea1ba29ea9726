// The 256-value blocks of ggml ("K quants"): sub-blocks with small integer scales under one (or
// two) half-precision block scales.
//
//   Q2_K  scales[16] qs[64] d[2] dmin[2]        sub-blocks of 16: d*(s & 15) * q2 - dmin*(s >> 4)
//   Q3_K  hmask[32] qs[64] scales[12] d[2]      sub-blocks of 16: d*(s6 - 32) * (q2 - (bit ? 0 :
//   4)) Q4_K  d[2] dmin[2] scales[12] qs[128]       sub-blocks of 32: d*s6 * q4 - dmin*m6 Q5_K d[2]
//   dmin[2] scales[12] qh[32] qs[128]  as Q4_K with a fifth bit from qh Q6_K  ql[128] qh[64]
//   scales[16] d[2]        sub-blocks of 16: d*s8 * (q6 - 32)
//
// Values are stored in strips: 32 bytes of 2-bit codes hold 4 strips of 32 values (shift 0, 2, 4,
// 6), 32 bytes of nibbles hold 2 strips (low, high); bit j of hmask / qh belongs to strip j.
//
// 12 bytes of 6-bit scales, Q4_K and Q5_K (8 scales s, 8 minima m; upper-case letters are bits of
// the first four, lower-case of the last four):
//   bytes 0-3 ssSSSSSS, bytes 4-7 mmMMMMMM, bytes 8-11 mmmmssss
// and Q3_K (16 scales): nibbles of bytes 0-7 are the low 4 bits (low nibbles first), the 2-bit
// fields of bytes 8-11 the high bits of scales i, i+4, i+8, i+12.
#include <array>
#include <cstdint>

#include "checkpoint/gguf_dequant.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

constexpr int kBlock = 256;

float load_half(const std::uint8_t* p) {
  return f16_to_f32(static_cast<std::uint16_t>(p[0] | (p[1] << 8)));
}

const std::uint8_t* octets(const std::byte* in) {
  return reinterpret_cast<const std::uint8_t*>(in);
}

struct ScaleMin {
  std::array<float, 8> scale;
  std::array<float, 8> min;
};

// d * s and dmin * m of the eight sub-blocks of Q4_K and Q5_K; `p` is the start of the block.
ScaleMin unpack_scale_min(const std::uint8_t* p) {
  const float d = load_half(p);
  const float dmin = load_half(p + 2);
  const std::uint8_t* packed = p + 4;
  ScaleMin result;
  for (int j = 0; j < 4; ++j) {
    result.scale[j] = d * static_cast<float>(packed[j] & 0x3f);
    result.min[j] = dmin * static_cast<float>(packed[j + 4] & 0x3f);
    result.scale[j + 4] = d * static_cast<float>((packed[j + 8] & 0xf) | ((packed[j] >> 6) << 4));
    result.min[j + 4] =
        dmin * static_cast<float>((packed[j + 8] >> 4) | ((packed[j + 4] >> 6) << 4));
  }
  return result;
}

}  // namespace

void decode_q2_k(const std::byte* in, std::size_t blocks, float* out) {
  const std::uint8_t* p = octets(in);
  for (std::size_t b = 0; b < blocks; ++b, p += 84, out += kBlock) {
    const std::uint8_t* qs = p + 16;
    const float d = load_half(p + 80);
    const float dmin = load_half(p + 82);
    for (int sub = 0; sub < 16; ++sub) {  // 16 values each
      const float scale = d * static_cast<float>(p[sub] & 0xf);
      const float min = dmin * static_cast<float>(p[sub] >> 4);
      const std::uint8_t* q = qs + 32 * (sub / 8) + 16 * (sub % 2);
      const int shift = 2 * (sub % 8 / 2);
      for (int i = 0; i < 16; ++i)
        out[16 * sub + i] = scale * static_cast<float>((q[i] >> shift) & 3) - min;
    }
  }
}

void decode_q3_k(const std::byte* in, std::size_t blocks, float* out) {
  const std::uint8_t* p = octets(in);
  for (std::size_t b = 0; b < blocks; ++b, p += 110, out += kBlock) {
    const std::uint8_t* qs = p + 32;
    const std::uint8_t* packed = p + 96;
    const float d = load_half(p + 108);
    for (int sub = 0; sub < 16; ++sub) {
      const int low = (packed[sub % 8] >> (4 * (sub / 8))) & 0xf;
      const int high = (packed[8 + sub % 4] >> (2 * (sub / 4))) & 3;
      const float scale = d * static_cast<float>((low | (high << 4)) - 32);
      const std::uint8_t* q = qs + 32 * (sub / 8) + 16 * (sub % 2);
      const std::uint8_t* mask = p + 16 * (sub % 2);
      const int shift = 2 * (sub % 8 / 2);
      const int bit = sub / 2;
      for (int i = 0; i < 16; ++i) {
        const int offset = ((mask[i] >> bit) & 1) != 0 ? 0 : 4;
        out[16 * sub + i] = scale * static_cast<float>(((q[i] >> shift) & 3) - offset);
      }
    }
  }
}

void decode_q4_k(const std::byte* in, std::size_t blocks, float* out) {
  const std::uint8_t* p = octets(in);
  for (std::size_t b = 0; b < blocks; ++b, p += 144, out += kBlock) {
    const ScaleMin sm = unpack_scale_min(p);
    for (int sub = 0; sub < 8; ++sub) {
      const std::uint8_t* q = p + 16 + 32 * (sub / 2);
      const int shift = 4 * (sub % 2);
      for (int i = 0; i < 32; ++i)
        out[32 * sub + i] = sm.scale[sub] * static_cast<float>((q[i] >> shift) & 0xf) - sm.min[sub];
    }
  }
}

void decode_q5_k(const std::byte* in, std::size_t blocks, float* out) {
  const std::uint8_t* p = octets(in);
  for (std::size_t b = 0; b < blocks; ++b, p += 176, out += kBlock) {
    const ScaleMin sm = unpack_scale_min(p);
    const std::uint8_t* qh = p + 16;
    for (int sub = 0; sub < 8; ++sub) {
      const std::uint8_t* q = p + 48 + 32 * (sub / 2);
      const int shift = 4 * (sub % 2);
      for (int i = 0; i < 32; ++i) {
        const int code = ((q[i] >> shift) & 0xf) | (((qh[i] >> sub) & 1) << 4);
        out[32 * sub + i] = sm.scale[sub] * static_cast<float>(code) - sm.min[sub];
      }
    }
  }
}

void decode_q6_k(const std::byte* in, std::size_t blocks, float* out) {
  const std::uint8_t* p = octets(in);
  for (std::size_t b = 0; b < blocks; ++b, p += 210, out += kBlock) {
    const float d = load_half(p + 208);
    for (int strip = 0; strip < 8; ++strip) {  // 32 values each, two scales
      const std::uint8_t* ql = p + 64 * (strip / 4) + 32 * (strip % 2);
      const std::uint8_t* qh = p + 128 + 32 * (strip / 4);
      const int low_shift = 4 * (strip % 4 / 2);
      const int high_shift = 2 * (strip % 4);
      for (int half = 0; half < 2; ++half) {
        const float scale =
            d * static_cast<float>(static_cast<std::int8_t>(p[192 + 2 * strip + half]));
        for (int i = 16 * half; i < 16 * half + 16; ++i) {
          const int code = ((ql[i] >> low_shift) & 0xf) | (((qh[i] >> high_shift) & 3) << 4);
          out[32 * strip + i] = scale * static_cast<float>(code - 32);
        }
      }
    }
  }
}

}  // namespace msmodelslim
