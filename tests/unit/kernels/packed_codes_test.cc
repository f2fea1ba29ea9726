#include "kernels/packed_codes.h"

#include <gtest/gtest.h>

#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "base/huge_buffer.h"
#ifdef __x86_64__
#include "kernels/x86/code_tiles.h"
#include "kernels/x86/features.h"
#endif

namespace msmodelslim {
#ifdef __x86_64__
extern const CodeTile kAvxVnniAsEvex;
#endif
namespace {

struct NamedTile {
  const char* name;
  const CodeTile* tile;  // nullptr: not on this processor
};

void PrintTo(const NamedTile& tile, std::ostream* out) { *out << tile.name; }

std::vector<NamedTile> tiles() {
  std::vector<NamedTile> all{{"fastest", code_tile()}};
#ifdef __x86_64__
  all.push_back({"avx_vnni", has_avx_vnni() ? &kAvxVnniTile : nullptr});
  const bool evex = has_avx512_vnni() && __builtin_cpu_supports("avx512vl");
  all.push_back({"avx_vnni_as_evex", evex ? &kAvxVnniAsEvex : nullptr});
#endif
  return all;
}

class PackedCodesTest : public testing::TestWithParam<NamedTile> {
 protected:
  void SetUp() override {
    if (GetParam().tile == nullptr) GTEST_SKIP() << "this processor has not the instructions";
  }

  std::vector<std::int8_t> codes(std::int64_t count, int low, int high) {
    std::uniform_int_distribution<int> code(low, high);
    std::vector<std::int8_t> values(static_cast<std::size_t>(count));
    for (std::int8_t& value : values) value = static_cast<std::int8_t>(code(generator_));
    return values;
  }

  void expect_exact(int bits, std::int64_t rows, std::int64_t out, std::int64_t in) {
    const int low = bits == 8 ? -128 : -8;
    const auto w = codes(out * in, low, -low - 1);
    const auto x = codes(rows * in, -128, 127);
    // As two weights in one product: the first columns and the others.
    const std::int64_t first = out / 3;
    HugeBuffer memory;
    std::vector<std::int32_t> y(static_cast<std::size_t>(rows * out));
    std::vector<int> times(y.size());
    std::vector<PackedCodes> weights;
    std::vector<PackedCodes::Product> products;
    for (const auto& [begin, end] : {std::pair{std::int64_t{0}, first}, std::pair{first, out}})
      if (begin < end)
        weights.emplace_back(w.data() + begin * in, end - begin, in, bits,
                             memory.take(PackedCodes::bytes(end - begin, in, bits)),
                             *GetParam().tile);
    for (const PackedCodes& weight : weights) {
      const std::int64_t begin = &weight == &weights.back() ? first : 0;
      products.push_back({&weight, [&y, &times, begin, out](std::int64_t row, std::int64_t col,
                                                            const SumTile& tile) {
                            for (std::int64_t r = 0; r < tile.rows; ++r)
                              for (std::int64_t c = 0; c < tile.cols; ++c) {
                                const auto at =
                                    static_cast<std::size_t>((row + r) * out + begin + col + c);
                                y[at] = tile.sums[r * tile.stride + c];
                                ++times[at];
                              }
                          }});
    }
    PackedCodes::multiply(products, x.data(), rows);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < out; ++c) {
        std::int32_t sum = 0;
        for (std::int64_t i = 0; i < in; ++i)
          sum += x[static_cast<std::size_t>(r * in + i)] * w[static_cast<std::size_t>(c * in + i)];
        const auto at = static_cast<std::size_t>(r * out + c);
        ASSERT_EQ(y[at], sum) << r << ", " << c << " of " << rows << " x " << out << " x " << in;
        ASSERT_EQ(times[at], 1);
      }
  }

 private:
  std::mt19937 generator_{3};
};

TEST_P(PackedCodesTest, AreExactForEveryNumberOfRows) {
  for (int bits : {8, 4})
    for (std::int64_t rows = 1; rows <= 30; ++rows) expect_exact(bits, rows, 70, 36);
}

TEST_P(PackedCodesTest, AreExactForOddShapes) {
  for (int bits : {8, 4}) {
    expect_exact(bits, 3, 1, 1);
    expect_exact(bits, 15, 33, 7);
    expect_exact(bits, 500, 257, 130);
    expect_exact(bits, 2, 300, 1029);
  }
}

TEST_P(PackedCodesTest, TheLargestCodesDoNotSaturate) {
  for (std::int64_t in : {4, 5000}) {
    const std::vector<std::int8_t> low(static_cast<std::size_t>(in), -128);
    HugeBuffer memory;
    const PackedCodes packed(low.data(), 1, in, 8, memory.take(PackedCodes::bytes(1, in, 8)),
                             *GetParam().tile);
    std::int32_t sum = 0;
    PackedCodes::multiply(
        {{&packed, [&](std::int64_t, std::int64_t, const SumTile& tile) { sum = tile.sums[0]; }}},
        low.data(), 1);
    EXPECT_EQ(sum, 16384 * in);
  }
}

INSTANTIATE_TEST_SUITE_P(, PackedCodesTest, testing::ValuesIn(tiles()),
                         [](const auto& tile) { return std::string(tile.param.name); });

TEST(HugeBuffer, PiecesAreApartAndKeepWhatIsWritten) {
  HugeBuffer buffer;
  std::vector<std::uint8_t*> pieces;
  constexpr std::size_t kSize = 20'000'001;  // more than one mapping in all
  for (int i = 0; i < 8; ++i) {
    auto* piece = static_cast<std::uint8_t*>(buffer.take(kSize));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(piece) % 64, 0U);
    piece[0] = piece[kSize - 1] = static_cast<std::uint8_t>(i + 1);
    pieces.push_back(piece);
  }
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(pieces[static_cast<std::size_t>(i)][0], i + 1);
    EXPECT_EQ(pieces[static_cast<std::size_t>(i)][kSize - 1], i + 1);
  }
}

TEST(HugeBuffer, GivesNothingWhenThereIsNotSoMuch) {
  HugeBuffer buffer;
  EXPECT_EQ(buffer.take(std::size_t{1} << 60), nullptr);
  EXPECT_NE(buffer.take(100), nullptr);
}

TEST(CodeSums, AreTheFormulaWithoutFusedSteps) {
  std::mt19937 generator(4);
  std::uniform_int_distribution<std::int32_t> sum(-2'000'000, 2'000'000);
  std::normal_distribution<float> normal;
  constexpr std::int64_t kRows = 3;
  constexpr std::int64_t kCols = 37;
  constexpr std::int64_t kStride = 40;
  std::vector<std::int32_t> sums(kRows * kStride), sum_bias(kCols);
  std::vector<float> scale(kRows), column(kCols), bias(kCols);
  for (auto* values : {&sums, &sum_bias})
    for (auto& value : *values) value = sum(generator);
  for (auto* values : {&scale, &column, &bias})
    for (auto& value : *values) value = normal(generator);
  const SumTile tile{sums.data(), kRows, kCols, kStride};
  std::vector<float> y(kRows * kCols), z(y.size());
  for (const float* b :
       {static_cast<const float*>(nullptr), const_cast<const float*>(bias.data())}) {
    scale_sums(tile, scale.data(), column.data(), b, y.data(), kCols);
    scale_biased_sums(tile, sum_bias.data(), column.data(), b, z.data(), kCols);
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t c = 0; c < kCols; ++c) {
        volatile float value = static_cast<float>(sums[r * kStride + c]) * scale[r];
        value = value * column[c];
        if (b != nullptr) value = value + bias[c];
        EXPECT_EQ(y[r * kCols + c], value);
        value = static_cast<float>(sums[r * kStride + c] + sum_bias[c]) * column[c];
        if (b != nullptr) value = value + bias[c];
        EXPECT_EQ(z[r * kCols + c], value);
      }
  }
}

}  // namespace
}  // namespace msmodelslim
