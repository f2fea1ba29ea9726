#include "kernels/gemm.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <tuple>
#include <vector>

#include "base/threads.h"
#include "kernels/gemm_tiles.h"
#include "kernels/ops.h"
#include "random_values.h"

namespace msmodelslim {
namespace {

TEST(Gemm, AgreesWithTheDefinition) {
  const std::int64_t m = 37;
  const std::int64_t n = 530;
  const std::int64_t k = 129;
  const auto x = random_values(m * k, 1);
  const auto w = random_values(n * k, 2);
  std::vector<float> y(static_cast<std::size_t>(m * n));
  matmul_nt(x.data(), k, w.data(), k, y.data(), n, m, n, k);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::int64_t d = 0; d < k; ++d)
        sum += static_cast<double>(x[static_cast<std::size_t>(i * k + d)]) *
               static_cast<double>(w[static_cast<std::size_t>(j * k + d)]);
      EXPECT_NEAR(y[static_cast<std::size_t>(i * n + j)], sum, 1e-4);
    }
}

TEST(Gemm, SeveralProductsOfOneInputHaveTheBitsOfEach) {
  const std::int64_t m = 600;
  const std::int64_t k = 70;
  const std::vector<std::int64_t> widths = {576, 0, 192, 1};
  const auto x = random_values(m * k, 1);
  std::vector<std::vector<float>> w;
  std::vector<std::vector<float>> each;
  std::vector<std::vector<float>> together;
  std::vector<FloatProduct> products;
  for (const std::int64_t n : widths) {
    w.push_back(random_values(n * k, 2 + n));
    each.emplace_back(static_cast<std::size_t>(m * n));
    together.push_back(each.back());
  }
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const std::int64_t n = widths[i];
    matmul_nt(x.data(), k, w[i].data(), k, each[i].data(), n, m, n, k);
    products.push_back({w[i].data(), k, together[i].data(), n, n});
  }
  matmul_nt_each(x.data(), k, products, m, k);
  EXPECT_EQ(together, each);
  EXPECT_NE(each[2], std::vector<float>(each[2].size()));
}

TEST(Gemm, TilesCoverASideAndAreNearlyEqual) {
  for (std::int64_t length = 1; length < 5000; ++length) {
    const TileCut cut(length);
    std::int64_t sum = 0;
    for (std::int64_t tile = 0; tile < cut.count; ++tile) {
      ASSERT_EQ(tile * cut.size, sum);
      ASSERT_GT(cut.size_of(tile), 0) << length;
      ASSERT_LE(cut.size_of(tile), TileCut::kMost) << length;
      sum += cut.size_of(tile);
    }
    ASSERT_EQ(sum, length);
    ASSERT_LE(cut.size - cut.last, 16 * cut.count) << length;
  }
}

TEST(Gemm, RoundsTheInputOfBfloat16Weights) {
  if (!has_bf16_products()) GTEST_SKIP() << "this processor has no bfloat16 products";
  const std::int64_t m = 300;
  const std::int64_t n = 530;
  const std::int64_t k = 1000;
  std::vector<float> x = random_values(m * k, 1);
  std::vector<float> w = random_values(n * k, 2);
  const std::vector<float> unrounded = x;
  std::vector<std::uint16_t> w16(w.size());
  f32_to_bf16(w.data(), w16.data(), n * k);
  round_bf16(x.data(), x.data(), m * k);
  round_bf16(w.data(), w.data(), n * k);
  std::vector<float> expected(static_cast<std::size_t>(m * n));
  std::vector<float> first;
  matmul_nt(x.data(), k, w.data(), k, expected.data(), n, m, n, k);
  for (int threads : {1, 2, 7}) {
    set_thread_count(threads);
    std::vector<float> y(static_cast<std::size_t>(m * n));
    matmul_nt_each_bf16(unrounded.data(), {{w16.data(), y.data(), n}}, m, k);
    for (std::size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], 1e-3);
    if (first.empty()) first = y;
    EXPECT_EQ(std::memcmp(first.data(), y.data(), y.size() * sizeof(float)), 0) << threads;
  }
  set_thread_count(available_threads());
}

// More columns than are packed at once, between two other weights.
TEST(Gemm, PartsOfALargeBfloat16WeightHaveTheBitsOfAll) {
  if (!packs_bf16_products()) GTEST_SKIP() << "no packed bfloat16 products on this processor";
  const std::int64_t m = 3;
  const std::int64_t k = 1 << 15;
  const std::int64_t n = kPackedAtOnce / k + 70;
  const std::int64_t few = 5;
  const std::vector<float> x = random_values(m * k, 1);
  std::vector<std::uint16_t> w(static_cast<std::size_t>(n * k));
  for (std::size_t i = 0; i < w.size(); ++i)
    w[i] = static_cast<std::uint16_t>(0x3F00 + i * 7919 % 61);
  const auto product = [&](std::int64_t col, std::int64_t cols) {
    std::vector<float> y(static_cast<std::size_t>(m * cols));
    matmul_nt_each_bf16(x.data(), {{w.data() + col * k, y.data(), cols}}, m, k);
    return y;
  };
  std::vector<float> first(static_cast<std::size_t>(m * few));
  std::vector<float> whole(static_cast<std::size_t>(m * n));
  std::vector<float> last(first.size());
  matmul_nt_each_bf16(
      x.data(),
      {{w.data(), first.data(), few}, {w.data(), whole.data(), n}, {w.data(), last.data(), few}}, m,
      k);
  EXPECT_EQ(first, product(0, few));
  EXPECT_EQ(last, first);
  for (const std::int64_t col : {std::int64_t{0}, n / 2, n - few}) {
    const std::vector<float> part = product(col, few);
    for (std::int64_t r = 0; r < m; ++r)
      for (std::int64_t c = 0; c < few; ++c)
        ASSERT_EQ(whole[static_cast<std::size_t>(r * n + col + c)],
                  part[static_cast<std::size_t>(r * few + c)])
            << r << ", " << col + c;
  }
}

// nn and tn, also added to what is there, for any number of threads.
TEST(Gemm, BackwardProducts) {
  for (const auto& [m, n, k] :
       {std::array<std::int64_t, 3>{37, 530, 129}, {1, 1, 1}, {300, 3, 5}}) {
    const auto a = random_values(m * k, 5);
    const auto b = random_values(k * n, 6);
    std::vector<float> transposed(a.size());
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t d = 0; d < k; ++d)
        transposed[static_cast<std::size_t>(d * m + i)] = a[static_cast<std::size_t>(i * k + d)];
    std::vector<float> first;
    for (int threads : {1, 2, 7}) {
      set_thread_count(threads);
      std::vector<float> nn(static_cast<std::size_t>(m * n), 1.0F);
      std::vector<float> tn(static_cast<std::size_t>(m * n));
      matmul_nn(a.data(), k, b.data(), n, nn.data(), n, m, n, k, true);
      matmul_tn(transposed.data(), m, b.data(), n, tn.data(), n, m, n, k, false);
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (std::int64_t d = 0; d < k; ++d)
            sum += static_cast<double>(a[static_cast<std::size_t>(i * k + d)]) *
                   static_cast<double>(b[static_cast<std::size_t>(d * n + j)]);
          ASSERT_NEAR(nn[static_cast<std::size_t>(i * n + j)], 1 + sum, 1e-4);
          ASSERT_NEAR(tn[static_cast<std::size_t>(i * n + j)], sum, 1e-4);
        }
      nn.insert(nn.end(), tn.begin(), tn.end());
      if (first.empty()) first = nn;
      EXPECT_EQ(std::memcmp(first.data(), nn.data(), nn.size() * sizeof(float)), 0) << threads;
    }
  }
  set_thread_count(available_threads());
}

TEST(Gemm, BackwardProductsOfBfloat16) {
  if (!has_bf16_products()) GTEST_SKIP() << "this processor has no bfloat16 products";
  const std::int64_t m = 40;
  const std::int64_t n = 530;
  const std::int64_t k = 300;
  std::vector<float> a = random_values(m * k, 7);
  std::vector<float> b = random_values(k * n, 8);
  std::vector<std::uint16_t> a16(a.size());
  std::vector<std::uint16_t> b16(b.size());
  f32_to_bf16(a.data(), a16.data(), m * k);
  f32_to_bf16(b.data(), b16.data(), k * n);
  round_bf16(a.data(), a.data(), m * k);
  round_bf16(b.data(), b.data(), k * n);
  std::vector<float> expected(static_cast<std::size_t>(m * n), 2.0F);
  std::vector<float> y = expected;
  matmul_nn(a.data(), k, b.data(), n, expected.data(), n, m, n, k, true);
  matmul_nn_bf16(a16.data(), k, b16.data(), n, y.data(), n, m, n, k, true);
  for (std::size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], 1e-3);
  matmul_tn(a.data(), m, b.data(), n, expected.data(), n, m, n, k, false);
  matmul_tn_bf16(a16.data(), m, b16.data(), n, y.data(), n, m, n, k, false);
  for (std::size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], 1e-3);
}

struct Depth {
  std::int64_t k;
  std::int64_t n;
};
class GemmThreads : public testing::TestWithParam<Depth> {};

TEST_P(GemmThreads, SameBytesForAnyNumberOfThreads) {
  const auto [k, n] = GetParam();
  const std::int64_t m = 300;
  const auto x = random_values(m * k, 3);
  const auto w = random_values(n * k, 4);
  std::vector<float> first;
  for (int threads : {1, 2, 4, 7}) {
    set_thread_count(threads);
    std::vector<float> y(static_cast<std::size_t>(m * n));
    matmul_nt(x.data(), k, w.data(), k, y.data(), n, m, n, k);
    if (first.empty()) first = y;
    EXPECT_EQ(std::memcmp(first.data(), y.data(), y.size() * sizeof(float)), 0) << threads;
  }
  set_thread_count(available_threads());
}

INSTANTIATE_TEST_SUITE_P(Shapes, GemmThreads, testing::Values(Depth{8960, 1536}, Depth{1536, 576}));

TEST(GemmS8, IsExactForTheLargestCodesAndAnyDepth) {
  for (std::int64_t k : {1, 1023, 1024, 1025, 5000}) {
    const std::int64_t m = 3;
    const std::int64_t n = 2;
    std::vector<std::int8_t> x(static_cast<std::size_t>(m * k), -128);
    std::vector<std::int8_t> w(static_cast<std::size_t>(n * k), -128);
    w[static_cast<std::size_t>(k)] = 127;  // first weight of row 1
    std::vector<std::int32_t> y(static_cast<std::size_t>(m * n));
    matmul_s8(x.data(), w.data(), y.data(), m, n, k);
    EXPECT_EQ(y[0], 16384 * k);
    EXPECT_EQ(y[1], 16384 * (k - 1) - 128 * 127);
  }
}

// Small codes never saturate: the call of the library is right on every x86 processor.
TEST(GemmS8, TheNativeProductIsCalledRightly) {
#ifdef __aarch64__
  if (!has_s8_products()) GTEST_SKIP() << "this processor has no sdot";
#endif
  std::mt19937 generator(6);
  std::uniform_int_distribution<int> code(-9, 9);
  const std::int64_t m = 300;
  const std::int64_t n = 530;
  const std::int64_t k = 70;
  std::vector<std::int8_t> x(static_cast<std::size_t>(m * k));
  std::vector<std::int8_t> w(static_cast<std::size_t>(n * k));
  for (auto* codes : {&x, &w})
    for (std::int8_t& value : *codes) value = static_cast<std::int8_t>(code(generator));
  std::vector<std::int32_t> y(static_cast<std::size_t>(m * n));
  native_matmul_s8(x.data(), w.data(), y.data(), m, n, k);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      std::int32_t sum = 0;
      for (std::int64_t p = 0; p < k; ++p)
        sum += x[static_cast<std::size_t>(i * k + p)] * w[static_cast<std::size_t>(j * k + p)];
      ASSERT_EQ(y[static_cast<std::size_t>(i * n + j)], sum) << i << " " << j;
    }
}

TEST(GemmS8, AgreesWithTheDefinitionForOddShapes) {
  std::mt19937 generator(5);
  std::uniform_int_distribution<int> code(-128, 127);
  for (const auto& [m, n, k] : {std::tuple<std::int64_t, std::int64_t, std::int64_t>{1, 1, 1},
                                {0, 5, 3},
                                {3, 17, 2},
                                {5, 131, 67},
                                {515, 260, 33},
                                {7, 129, 1301}}) {
    std::vector<std::int8_t> x(static_cast<std::size_t>(m * k));
    std::vector<std::int8_t> w(static_cast<std::size_t>(n * k));
    for (auto& value : x) value = static_cast<std::int8_t>(code(generator));
    for (auto& value : w) value = static_cast<std::int8_t>(code(generator));
    std::vector<std::int32_t> y(static_cast<std::size_t>(m * n), -1);
    matmul_s8(x.data(), w.data(), y.data(), m, n, k);
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        std::int32_t sum = 0;
        for (std::int64_t d = 0; d < k; ++d)
          sum += x[static_cast<std::size_t>(i * k + d)] * w[static_cast<std::size_t>(j * k + d)];
        ASSERT_EQ(y[static_cast<std::size_t>(i * n + j)], sum) << m << " " << n << " " << k;
      }
  }
}

}  // namespace
}  // namespace msmodelslim
