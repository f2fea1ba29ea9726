#include "checkpoint/coded_weight.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "kernels/ops.h"
#include "kernels/small_floats.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

using Codes = CodedWeight::Codes;

constexpr std::array<float, 16> kFp4 = {0,     0.5,  1,  1.5,  2,  3,  4,  6,
                                        -0.0F, -0.5, -1, -1.5, -2, -3, -4, -6};

float low_nibble(std::int8_t byte) {
  return static_cast<float>(static_cast<std::int8_t>(byte << 4) >> 4);
}
float high_nibble(std::int8_t byte) { return static_cast<float>(byte >> 4); }

void words(const std::uint32_t* row, int bits, std::int64_t columns, float* out) {
  const auto per_word = static_cast<std::int64_t>(32 / bits);
  const std::uint32_t mask = bits == 8 ? 0xffU : 0xfU;
  const int middle = 1 << (bits - 1);
  for (std::int64_t begin = 0; begin < columns; begin += per_word) {
    std::uint32_t word = 0;
    std::memcpy(&word, row + begin / per_word, sizeof(word));
    const std::int64_t end = std::min(columns, begin + per_word);
    for (std::int64_t j = begin; j < end; ++j, word >>= bits)
      out[j] = static_cast<float>(static_cast<int>(word & mask) - middle);
  }
}

void floats_of_row(const CodedWeight& weight, std::int64_t r, float* out) {
  const std::size_t size = dtype_size(weight.data.dtype);
  const auto step = static_cast<std::size_t>(weight.column_step) * size;
  const std::byte* from = weight.data.bytes + static_cast<std::size_t>(r * weight.row_step) * size;
  std::vector<std::byte> row(static_cast<std::size_t>(weight.columns) * size);
  for (std::byte* to = row.data(); to < row.data() + row.size(); to += size, from += step)
    std::copy_n(from, size, to);
  to_f32(TensorView{weight.data.dtype, {weight.columns}, row.data()}, out);
}

void codes_of_row(const CodedWeight& weight, std::int64_t r, float* out) {
  const std::int64_t n = weight.columns;
  switch (weight.codes) {
    case Codes::kE4M3:
      decode_e4m3(weight.data.as<std::uint8_t>() + r * n, out, n);
      return;
    case Codes::kInt8: {
      const auto* row = weight.data.as<std::int8_t>() + r * n;
      for (std::int64_t j = 0; j < n; ++j) out[j] = static_cast<float>(row[j]);
      return;
    }
    case Codes::kWords:
      words(weight.data.as<std::uint32_t>() + r * (weight.data.count() / weight.rows), weight.bits,
            n, out);
      return;
    case Codes::kFp4: {
      const auto* row = weight.data.as<std::uint8_t>() + r * weight.row_step * (n / 2);
      for (std::int64_t j = 0; j < n / 2; ++j) {
        out[2 * j] = kFp4[row[j] & 0xfU];
        out[2 * j + 1] = kFp4[row[j] >> 4];
      }
      return;
    }
    case Codes::kFloats:
      floats_of_row(weight, r, out);
      return;
    case Codes::kInt4Columns: {
      const auto* row = weight.data.as<std::int8_t>() + r * (n / 2);
      for (std::int64_t j = 0; j < n / 2; ++j) {
        out[2 * j] = low_nibble(row[j]);
        out[2 * j + 1] = high_nibble(row[j]);
      }
      return;
    }
    case Codes::kInt4Rows: {
      const auto* row = weight.data.as<std::int8_t>() + r / 2 * n;
      for (std::int64_t j = 0; j < n; ++j)
        out[j] = r % 2 == 0 ? low_nibble(row[j]) : high_nibble(row[j]);
      return;
    }
  }
}

void inner_scales_of_row(const CodedWeight& weight, std::int64_t row, float* out) {
  const std::int64_t count = weight.column_blocks();
  const std::byte* bytes =
      weight.scale.bytes + static_cast<std::size_t>(row * count) * dtype_size(weight.scale.dtype);
  if (is_float(weight.scale.dtype)) {
    to_f32(TensorView{weight.scale.dtype, {count}, bytes}, out);
    return;
  }
  if (weight.scale.dtype == DType::kF8E4M3) {
    const auto& table = e4m3_values();
    for (std::int64_t i = 0; i < count; ++i) out[i] = table[std::to_integer<std::size_t>(bytes[i])];
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const auto exponent = std::to_integer<int>(bytes[i]);
    out[i] = exponent == 255 ? std::nanf("") : std::ldexp(1.0F, exponent - 127);
  }
}

// One row of scales as fp32, both levels multiplied.
void scales_of_row(const CodedWeight& weight, std::int64_t row, float* out) {
  inner_scales_of_row(weight, row, out);
  if (!weight.outer) return;
  const bool one = weight.outer->count() == 1;
  const std::int64_t count = one ? 1 : weight.outer->count() / weight.rows;
  std::vector<float> outer(static_cast<std::size_t>(count));
  const std::size_t skipped =
      static_cast<std::size_t>(one ? 0 : row * count) * dtype_size(weight.outer->dtype);
  to_f32(TensorView{weight.outer->dtype, {count}, weight.outer->bytes + skipped}, outer.data());
  for (std::int64_t b = 0; b < weight.column_blocks(); ++b) {
    const std::int64_t at = one ? 0 : b * weight.column_block / weight.outer_block;
    const float factor = outer[static_cast<std::size_t>(at)];
    out[b] = weight.outer_divides ? out[b] / factor : out[b] * factor;
  }
}

void add_low_rank(const CodedWeight::LowRank& branch, std::int64_t r, std::int64_t columns,
                  float* row) {
  for (std::int64_t k = 0; k < branch.rank; ++k) {
    const float factor = branch.l2[static_cast<std::size_t>(r * branch.rank + k)];
    const float* l1 = branch.l1.data() + k * columns;
    for (std::int64_t j = 0; j < columns; ++j) row[j] += factor * l1[j];
  }
}

void round_values(float* x, std::int64_t count, DType dtype) {
  if (dtype == DType::kBF16)
    round_bf16(x, x, count);
  else if (dtype == DType::kF16)
    std::transform(x, x + count, x, round_to_f16);
}

}  // namespace

void decode_rows(const CodedWeight& weight, std::int64_t begin, std::int64_t end, float* out) {
  const std::int64_t blocks = weight.column_blocks();
  std::vector<float> scales(static_cast<std::size_t>(blocks));
  std::int64_t loaded = -1;
  for (std::int64_t r = begin; r < end; ++r) {
    float* row = out + (r - begin) * weight.columns;
    if (weight.codes == Codes::kFloats) {
      codes_of_row(weight, r, row);
      continue;
    }
    const std::int64_t group = r * weight.row_step / weight.row_block;
    if (group != loaded) scales_of_row(weight, group, scales.data());
    loaded = group;
    codes_of_row(weight, r, row);
    for (std::int64_t b = 0; b < blocks; ++b) {
      const float scale = scales[static_cast<std::size_t>(b)];
      const float zero =
          weight.zero ? (*weight.zero)[static_cast<std::size_t>(group * blocks + b)] : 0.0F;
      const std::int64_t last = std::min(weight.columns, (b + 1) * weight.column_block);
      for (std::int64_t j = b * weight.column_block; j < last; ++j)
        row[j] = (row[j] - zero) * scale;
    }
    if (weight.low_rank) add_low_rank(*weight.low_rank, r, weight.columns, row);
    round_values(row, weight.columns, weight.dtype);
  }
}

}  // namespace msmodelslim
