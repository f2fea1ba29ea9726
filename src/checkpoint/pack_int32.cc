#include "checkpoint/pack_int32.h"

#include "base/threads.h"

namespace msmodelslim {
namespace {

// One row (stride 1) or column: `count` codes that lie `stride` apart, words `word_stride` apart.
void pack_line(const std::int8_t* codes, std::int64_t stride, std::int64_t count, int bits,
               std::uint32_t* words, std::int64_t word_stride) {
  const std::int64_t per_word = 32 / bits;
  const int shift_to_unsigned = 1 << (bits - 1);
  for (std::int64_t w = 0; w * per_word < count; ++w) {
    std::uint32_t word = 0;
    for (std::int64_t j = 0; j < per_word && w * per_word + j < count; ++j) {
      const auto value =
          static_cast<std::uint32_t>(codes[(w * per_word + j) * stride] + shift_to_unsigned);
      word |= value << (j * bits);
    }
    words[w * word_stride] = word;
  }
}

void unpack_line(const std::uint32_t* words, std::int64_t word_stride, std::int64_t count, int bits,
                 std::int8_t* codes, std::int64_t stride) {
  const std::int64_t per_word = 32 / bits;
  const std::uint32_t mask = (1U << bits) - 1;
  const int shift_to_unsigned = 1 << (bits - 1);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t value = words[i / per_word * word_stride] >> (i % per_word * bits) & mask;
    codes[i * stride] = static_cast<std::int8_t>(static_cast<int>(value) - shift_to_unsigned);
  }
}

}  // namespace

std::int64_t packed_words(std::int64_t count, int bits) { return (count * bits + 31) / 32; }

Tensor pack_rows_int32(const Tensor& codes, int bits) {
  const std::int64_t n = codes.shape()[0];
  const std::int64_t k = codes.shape()[1];
  const std::int64_t words = packed_words(k, bits);
  Tensor packed = Tensor::uninitialized(DType::kI32, {n, words});
  parallel_for(n, [&](std::int64_t r) {
    pack_line(codes.as<std::int8_t>() + r * k, 1, k, bits, packed.as<std::uint32_t>() + r * words,
              1);
  });
  return packed;
}

Tensor pack_columns_int32(const Tensor& codes, int bits) {
  const std::int64_t n = codes.shape()[0];
  const std::int64_t k = codes.shape()[1];
  Tensor packed = Tensor::uninitialized(DType::kI32, {packed_words(n, bits), k});
  parallel_for(k, [&](std::int64_t c) {
    pack_line(codes.as<std::int8_t>() + c, k, n, bits, packed.as<std::uint32_t>() + c, k);
  });
  return packed;
}

Tensor unpack_rows_int32(const TensorView& packed, int bits, const Shape& shape) {
  Tensor codes = Tensor::uninitialized(DType::kI8, shape);
  const std::int64_t words = packed_words(shape[1], bits);
  parallel_for(shape[0], [&](std::int64_t r) {
    unpack_line(packed.as<std::uint32_t>() + r * words, 1, shape[1], bits,
                codes.as<std::int8_t>() + r * shape[1], 1);
  });
  return codes;
}

Tensor unpack_columns_int32(const TensorView& packed, int bits, const Shape& shape) {
  Tensor codes = Tensor::uninitialized(DType::kI8, shape);
  parallel_for(shape[1], [&](std::int64_t c) {
    unpack_line(packed.as<std::uint32_t>() + c, shape[1], shape[0], bits,
                codes.as<std::int8_t>() + c, shape[1]);
  });
  return codes;
}

}  // namespace msmodelslim
