// Worked example T-36 of the quantizers reference, and the gradients against differences of a loss
// in which the rounding errors are held fast, which is what "straight through" means.
#include "quantize/flat_clip.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace msmodelslim {
namespace {

using Row = std::vector<float>;

constexpr float kStart = 0.98201379F;

TEST(FlatClip, T36) {
  const Row x = {1, -3, 2, .5F};
  Row y(4);
  fake_int4_row(x.data(), kStart, 0.0F, y.data(), 4);
  const float scale = 0.4208630621F;
  const Row codes = {2, -7, 5, 1};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(y[i], codes[i] * scale, 1e-6F);
  clip_row(x.data(), {kStart, kStart}, y.data(), 4);
  const Row clipped = {1, -2.94604135F, 1.96402752F, .5F};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(y[i], clipped[i]);
}

TEST(FlatClip, ZeroRowsStayZero) {
  const Row x(5, 0.0F);
  Row y(5, 1.0F);
  fake_int4_row(x.data(), kStart, 0.0F, y.data(), 5);
  EXPECT_EQ(y, x);
  Row d = {1, 2, 3, 4, 5};
  EXPECT_EQ(fake_int4_row_grad(x.data(), kStart, 0.0F, d.data(), d.data(), 5), 0);
  EXPECT_EQ(d, (Row{1, 2, 3, 4, 5}));
}

Row random_row(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Row row(count);
  for (float& value : row) value = normal(generator);
  return row;
}

// What fake_int4_row() does around `base`, with the rounding errors it has there.
double straight(const Row& base, float base_ratio, const Row& x, double ratio, const Row& d) {
  const auto scale_of = [](const Row& row, double r) {
    double largest = 0;
    for (float value : row) largest = std::max(largest, std::fabs(static_cast<double>(value)));
    return r * largest / 7;
  };
  const double s0 = scale_of(base, base_ratio);
  const double s = scale_of(x, ratio);
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double t0 = static_cast<double>(base[i]) / s0;
    const double q0 = std::nearbyint(t0);
    const double q = std::clamp(q0, -8.0, 7.0);
    sum +=
        static_cast<double>(d[i]) * (q == q0 ? static_cast<double>(x[i]) + s * (q0 - t0) : s * q);
  }
  return sum;
}

TEST(FlatClip, Int4GradientAgreesWithDifferences) {
  const Row x = random_row(64, 1), d = random_row(64, 2);
  const float ratio = 0.7F;  // some values are clamped
  Row dx(64);
  const double dratio = fake_int4_row_grad(x.data(), ratio, 0.0F, d.data(), dx.data(), 64);
  constexpr float kStep = 1e-3F;
  const double measured =
      (straight(x, ratio, x, 0.7 + 1e-3, d) - straight(x, ratio, x, 0.7 - 1e-3, d)) / 2e-3;
  EXPECT_NEAR(measured, dratio, 1e-3);
  for (std::size_t i = 0; i < x.size(); ++i) {
    Row up = x, down = x;
    up[i] += kStep;
    down[i] -= kStep;
    const double slope = (straight(x, ratio, up, static_cast<double>(ratio), d) -
                          straight(x, ratio, down, static_cast<double>(ratio), d)) /
                         static_cast<double>(up[i] - down[i]);
    EXPECT_NEAR(slope, dx[i], 2e-3) << i;
  }
  EXPECT_EQ(fake_int4_row_grad(x.data(), ratio, 100.0F, d.data(), dx.data(), 64), 0);  // raised
}

TEST(FlatClip, ClipGradientAgreesWithDifferences) {
  const Row x = random_row(64, 3), d = random_row(64, 4);
  const auto loss = [&](const Row& at, ClipRatios ratios) {
    Row y(at.size());
    clip_row(at.data(), ratios, y.data(), 64);
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i)
      sum += static_cast<double>(y[i]) * static_cast<double>(d[i]);
    return sum;
  };
  const ClipRatios ratios = {0.6F, 0.8F};
  Row dx = d;
  const ClipRatios slopes = clip_row_grad(x.data(), ratios, dx.data(), dx.data(), 64);
  constexpr float kStep = 1e-3F;
  const double width = 2e-3;
  EXPECT_NEAR((loss(x, {0.6F + kStep, 0.8F}) - loss(x, {0.6F - kStep, 0.8F})) / width, slopes.low,
              5e-3);
  EXPECT_NEAR((loss(x, {0.6F, 0.8F + kStep}) - loss(x, {0.6F, 0.8F - kStep})) / width, slopes.high,
              5e-3);
  for (std::size_t i = 0; i < x.size(); ++i) {
    Row up = x, down = x;
    up[i] += kStep;
    down[i] -= kStep;
    EXPECT_NEAR((loss(up, ratios) - loss(down, ratios)) / static_cast<double>(up[i] - down[i]),
                dx[i], 5e-3)
        << i;
  }
}

}  // namespace
}  // namespace msmodelslim
