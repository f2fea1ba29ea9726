// Three blocks of every format against the Python package `gguf` (0.19.0, dequantize()).
// Byte i of the blocks is (37 i + 11 (i / 8) + 5) mod 256, except the half-precision scales at
// `scales`: 0x2c66, 0xad67, 0x0368 in blocks 0, 1, 2 for the first, 0x2566 + block for the second.
// The sum is FNV-1a (64 bits) over all bytes of the fp32 results.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "checkpoint/gguf_types.h"

namespace msmodelslim {
namespace {

struct Case {
  const char* type;
  std::vector<std::size_t> scales;
  std::uint64_t sum;
  float first;
  float last;
};

const Case kCases[] = {
    {"F32", {2}, 0x9b9ac0ae581b1b65, 0x1.cc540ap-39F, 0x1.d0ba70p-121F},
    {"F16", {0}, 0x5e75c98f0bbff47f, 0x1.198p-4F, 0x1.b4p-15F},
    {"BF16", {0}, 0x613015df8207344a, 0x1.ccp-39F, 0x1.dp-121F},
    {"Q8_0", {0}, 0xc07786c59bcbec42, 0x1.5b7ap+2F, 0x1.cf4p-10F},
    {"Q4_0", {0}, 0xa82cefe6a5d81280, 0x1.ecap-2F, 0x1.7d8p-12F},
    {"Q4_1", {0, 2}, 0x67c1bb5d6a84aec1, 0x1.477cp-1F, 0x1.6512p-6F},
    {"Q5_0", {0}, 0xceff99e80d6f99e1, 0x1.a64p-3F, -0x1.b4p-13F},
    {"Q5_1", {0, 2}, 0x0bea2e5f06c18cf9, 0x1.aba6p+0F, 0x1.6284p-6F},
    {"Q2_K", {80, 82}, 0x66525cf02e1e7439, 0x1.07e8p+0F, -0x1.038p-3F},
    {"Q3_K", {108}, 0xe2c0a6f4d04c2da2, -0x1.94a8p+0F, -0x0.0p+0F},
    {"Q4_K", {0, 2}, 0x1629ba7746936b08, 0x1.1b7f8p+4F, -0x1.231968p+0F},
    {"Q5_K", {0, 2}, 0x8640714d6dfb0b92, 0x1.32b0cp+5F, -0x1.1b373p-1F},
    {"Q6_K", {208}, 0x781908cad4b962a6, 0x1.3470cp+5F, -0x0.0p+0F},
};

const GgmlType* type_named(const std::string& name) {
  for (std::uint32_t id = 0; id < 64; ++id)
    if (find_ggml_type(id) != nullptr && ggml_type_name(id) == name) return find_ggml_type(id);
  return nullptr;
}

std::vector<std::byte> blocks_of(const Case& item, const GgmlType& type) {
  std::vector<std::byte> bytes(3 * std::size_t{type.block_bytes});
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(i * 37 + (i >> 3) * 11 + 5);
  constexpr std::uint8_t kHigh[] = {0x2c, 0xad, 0x03};
  for (std::size_t block = 0; block < 3; ++block)
    for (std::size_t k = 0; k < item.scales.size(); ++k) {
      std::byte* at = bytes.data() + block * type.block_bytes + item.scales[k];
      at[0] = static_cast<std::byte>(0x66 + block);
      at[1] = static_cast<std::byte>(k == 0 ? kHigh[block] : 0x25);
    }
  return bytes;
}

TEST(GgufDequant, EqualsThePythonPackage) {
  for (const Case& item : kCases) {
    SCOPED_TRACE(item.type);
    const GgmlType* type = type_named(item.type);
    ASSERT_NE(type, nullptr);
    std::vector<float> values(3 * std::size_t{type->block_size});
    type->decode(blocks_of(item, *type).data(), 3, values.data());
    EXPECT_EQ(values.front(), item.first);
    EXPECT_EQ(values.back(), item.last);
    std::uint64_t sum = 0xcbf29ce484222325;
    const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
    for (std::size_t i = 0; i < values.size() * sizeof(float); ++i)
      sum = (sum ^ bytes[i]) * 0x100000001b3;
    EXPECT_EQ(sum, item.sum);
  }
}

TEST(GgufDequant, NamesTypesThatItCannotDecode) {
  EXPECT_EQ(find_ggml_type(23), nullptr);
  EXPECT_EQ(ggml_type_name(23), "IQ4_XS");
  EXPECT_EQ(ggml_type_name(77), "number 77");
  EXPECT_NE(supported_ggml_types().find("Q6_K"), std::string::npos);
}

}  // namespace
}  // namespace msmodelslim
