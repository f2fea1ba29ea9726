#include "kernels/gemv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>
#include <vector>

#include "base/threads.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

struct Case {
  std::int64_t m, n, k;
};
const Case kCases[] = {{1, 1, 1}, {1, 70, 64}, {3, 65, 17}, {8, 130, 577}, {5, 3, 33}};

class FewRows : public testing::TestWithParam<Case> {
 protected:
  std::vector<float> floats(std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    std::normal_distribution<float> normal;
    for (float& value : values) value = normal(generator_);
    return values;
  }
  std::vector<std::int8_t> codes(std::int64_t count) {
    std::vector<std::int8_t> values(static_cast<std::size_t>(count));
    for (auto& value : values) value = static_cast<std::int8_t>(generator_() % 256 - 128);
    return values;
  }
  // What y[r, c] should be, and the sum of absolute terms.
  template <typename X, typename W, typename Value>
  static std::pair<double, double> exact(const X& x, const W& w, std::int64_t k, std::int64_t r,
                                         std::int64_t c, const Value& value) {
    double sum = 0;
    double size = 0;
    for (std::int64_t i = 0; i < k; ++i) {
      const double term = static_cast<double>(x[static_cast<std::size_t>(r * k + i)]) *
                          value(w[static_cast<std::size_t>(c * k + i)]);
      sum += term;
      size += std::abs(term);
    }
    return {sum, size};
  }
  template <typename W, typename Product, typename Value>
  void check(const std::vector<W>& w, const Product& product, const Value& value) {
    const auto [m, n, k] = GetParam();
    check(floats(m * k), w, product, value);
  }
  template <typename W, typename Product, typename Value>
  void check(const std::vector<float>& x, const std::vector<W>& w, const Product& product,
             const Value& value) {
    const auto [m, n, k] = GetParam();
    std::vector<float> y(static_cast<std::size_t>(m * n));
    product(x.data(), w.data(), y.data(), m, n, k);
    for (std::int64_t r = 0; r < m; ++r) {
      std::vector<float> alone(static_cast<std::size_t>(n));
      product(x.data() + r * k, w.data(), alone.data(), 1, n, k);
      for (std::int64_t c = 0; c < n; ++c) {
        const float got = y[static_cast<std::size_t>(r * n + c)];
        const auto [sum, size] = exact(x, w, k, r, c, value);
        EXPECT_NEAR(got, sum, 1e-6 * size);
        EXPECT_EQ(got, alone[static_cast<std::size_t>(c)]) << "row " << r << " of " << m;
      }
    }
  }
  std::mt19937 generator_{11};
};

TEST_P(FewRows, WeightsMadeOnTheWayAreThoseOfAMatrix) {
  const auto [m, n, k] = GetParam();
  const std::vector<float> x = floats(m * k);
  const std::vector<float> w = floats(n * k);
  std::vector<float> whole(static_cast<std::size_t>(m * n));
  std::vector<float> filled(whole.size());
  few_rows_f32(x.data(), w.data(), whole.data(), m, n, k);
  const std::int64_t width = k;
  few_rows_filled(
      x.data(), [&](std::int64_t r, float* to) { std::copy_n(w.data() + r * width, width, to); },
      filled.data(), m, n, k);
  EXPECT_EQ(whole, filled);
}

TEST_P(FewRows, Float) {
  const auto [m, n, k] = GetParam();
  check(floats(n * k), few_rows_f32, [](float w) { return static_cast<double>(w); });
}

TEST_P(FewRows, Bfloat16) {
  const auto [m, n, k] = GetParam();
  std::vector<std::uint16_t> w;
  for (const float value : floats(n * k))
    w.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
  auto x = floats(m * k);
  round_bf16(x.data(), x.data(), m * k);
  check(x, w, few_rows_bf16, [](std::uint16_t bits) {
    return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16));
  });
}

TEST_P(FewRows, FloatTimesCodes) {
  const auto [m, n, k] = GetParam();
  check(codes(n * k), few_rows_f32_s8, [](std::int8_t w) { return static_cast<double>(w); });
}

TEST_P(FewRows, CodesAreExact) {
  const auto [m, n, k] = GetParam();
  const auto x = codes(m * k);
  const auto w = codes(n * k);
  std::vector<std::int32_t> y(static_cast<std::size_t>(m * n));
  few_rows_s8(x.data(), w.data(), y.data(), m, n, k);
  for (std::int64_t r = 0; r < m; ++r)
    for (std::int64_t c = 0; c < n; ++c)
      EXPECT_EQ(y[static_cast<std::size_t>(r * n + c)],
                exact(x, w, k, r, c, [](std::int8_t v) { return static_cast<double>(v); }).first);
}

INSTANTIATE_TEST_SUITE_P(Sizes, FewRows, testing::ValuesIn(kCases));

}  // namespace
}  // namespace msmodelslim
