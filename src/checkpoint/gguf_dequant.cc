// Plain floats and the 32-value blocks of ggml. d and m are IEEE halves; value = d * q (+ m).
//
//   F32   4 bytes | F16 2 bytes | BF16 2 bytes                      one value
//   Q4_0  d[2] qs[16]            q = nibble - 8
//   Q4_1  d[2] m[2] qs[16]       q = nibble
//   Q5_0  d[2] qh[4] qs[16]      q = (nibble | bit << 4) - 16
//   Q5_1  d[2] m[2] qh[4] qs[16] q = nibble | bit << 4
//   Q8_0  d[2] qs[32]            q = int8
//
// The low nibble of qs[j] is value j, the high nibble value j + 16; bit i of qh (little-endian)
// belongs to value i.
#include "checkpoint/gguf_dequant.h"

#include <cstdint>
#include <cstring>

#include "tensor/codec.h"

namespace msmodelslim {
namespace {

std::uint16_t load_u16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>(p[0] | (p[1] << 8));
}

std::uint32_t load_u32(const std::uint8_t* p) {
  return p[0] | (std::uint32_t{p[1]} << 8) | (std::uint32_t{p[2]} << 16) |
         (std::uint32_t{p[3]} << 24);
}

float load_half(const std::uint8_t* p) { return f16_to_f32(load_u16(p)); }

const std::uint8_t* octets(const std::byte* in) {
  return reinterpret_cast<const std::uint8_t*>(in);
}

constexpr int kHalf = 16;
constexpr int kBlock = 32;

}  // namespace

void decode_f32(const std::byte* in, std::size_t blocks, float* out) {
  std::memcpy(out, in, blocks * sizeof(float));
}

void decode_f16(const std::byte* in, std::size_t blocks, float* out) {
  const std::uint8_t* p = octets(in);
  for (std::size_t i = 0; i < blocks; ++i) out[i] = load_half(p + 2 * i);
}

void decode_bf16(const std::byte* in, std::size_t blocks, float* out) {
  const std::uint8_t* p = octets(in);
  for (std::size_t i = 0; i < blocks; ++i) out[i] = bf16_to_f32(load_u16(p + 2 * i));
}

void decode_q4_0(const std::byte* in, std::size_t blocks, float* out) {
  const std::uint8_t* p = octets(in);
  for (std::size_t b = 0; b < blocks; ++b, p += 18, out += kBlock) {
    const float d = load_half(p);
    for (int j = 0; j < kHalf; ++j) {
      out[j] = d * static_cast<float>((p[2 + j] & 0xf) - 8);
      out[j + kHalf] = d * static_cast<float>((p[2 + j] >> 4) - 8);
    }
  }
}

void decode_q4_1(const std::byte* in, std::size_t blocks, float* out) {
  const std::uint8_t* p = octets(in);
  for (std::size_t b = 0; b < blocks; ++b, p += 20, out += kBlock) {
    const float d = load_half(p);
    const float m = load_half(p + 2);
    for (int j = 0; j < kHalf; ++j) {
      out[j] = d * static_cast<float>(p[4 + j] & 0xf) + m;
      out[j + kHalf] = d * static_cast<float>(p[4 + j] >> 4) + m;
    }
  }
}

void decode_q5_0(const std::byte* in, std::size_t blocks, float* out) {
  const std::uint8_t* p = octets(in);
  for (std::size_t b = 0; b < blocks; ++b, p += 22, out += kBlock) {
    const float d = load_half(p);
    const std::uint32_t high = load_u32(p + 2);
    for (int j = 0; j < kHalf; ++j) {
      const auto low_bit = static_cast<int>((high >> j) & 1) << 4;
      const auto high_bit = static_cast<int>((high >> (j + kHalf)) & 1) << 4;
      out[j] = d * static_cast<float>(((p[6 + j] & 0xf) | low_bit) - 16);
      out[j + kHalf] = d * static_cast<float>(((p[6 + j] >> 4) | high_bit) - 16);
    }
  }
}

void decode_q5_1(const std::byte* in, std::size_t blocks, float* out) {
  const std::uint8_t* p = octets(in);
  for (std::size_t b = 0; b < blocks; ++b, p += 24, out += kBlock) {
    const float d = load_half(p);
    const float m = load_half(p + 2);
    const std::uint32_t high = load_u32(p + 4);
    for (int j = 0; j < kHalf; ++j) {
      const auto low_bit = static_cast<int>((high >> j) & 1) << 4;
      const auto high_bit = static_cast<int>((high >> (j + kHalf)) & 1) << 4;
      out[j] = d * static_cast<float>((p[8 + j] & 0xf) | low_bit) + m;
      out[j + kHalf] = d * static_cast<float>((p[8 + j] >> 4) | high_bit) + m;
    }
  }
}

void decode_q8_0(const std::byte* in, std::size_t blocks, float* out) {
  const std::uint8_t* p = octets(in);
  for (std::size_t b = 0; b < blocks; ++b, p += 34, out += kBlock) {
    const float d = load_half(p);
    for (int j = 0; j < kBlock; ++j)
      out[j] = d * static_cast<float>(static_cast<std::int8_t>(p[2 + j]));
  }
}

}  // namespace msmodelslim
