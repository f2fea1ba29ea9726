#include "kernels/rounding_sums.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace msmodelslim {
namespace {

using Lanes = std::array<double, kRoundingLanes>;

double sum_of(const Lanes& lanes) { return std::accumulate(lanes.begin(), lanes.end(), 0.0); }

void expect_plain_sums(const std::vector<float>& w, float scale, float low, float high) {
  Lanes error{};
  Lanes wq{};
  Lanes qq{};
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::size_t lane = i % kRoundingLanes;
    const float q = std::fmin(std::fmax(std::nearbyint(w[i] / scale), low), high);
    const volatile float product = q * scale;  // rounded, also where the compiler has an FMA
    const float off = w[i] - product;
    error[lane] += static_cast<double>(off * off);
    wq[lane] += static_cast<double>(w[i]) * static_cast<double>(q);
    qq[lane] += static_cast<double>(q) * static_cast<double>(q);
  }
  const RoundingSums got =
      rounding_sums(w.data(), static_cast<std::int64_t>(w.size()), scale, low, high);
  EXPECT_EQ(got.error, sum_of(error)) << scale;
  EXPECT_EQ(got.wq, sum_of(wq)) << scale;
  EXPECT_EQ(got.qq, sum_of(qq)) << scale;
}

std::vector<float> normal_row(std::size_t count) {
  std::mt19937 generator(2);
  std::normal_distribution<float> normal;
  std::vector<float> w(count);
  for (float& value : w) value = normal(generator);
  return w;
}

TEST(RoundingSums, AreThePlainPartialSums) {
  for (const std::size_t count : {1, 15, 16, 333, 4096})
    for (const float scale : {0.05F, 0.13F, 1.0F / 3, 40.0F}) {
      expect_plain_sums(normal_row(count), scale, -8, 7);
      expect_plain_sums(normal_row(count), scale, -128, 127);
    }
}

// Codes of 8 bits whose squares fp32 could not add up exactly in one go.
TEST(RoundingSums, AddTheSquaresOfLongRowsExactly) {
  std::vector<float> w(100'003, 1.27F);
  for (std::size_t i = 0; i < w.size(); i += 3) w[i] = -1.01F;
  expect_plain_sums(w, 0.01F, -128, 127);
}

TEST(RoundingSums, RoundQuotientsNextToAHalfAsADivisionDoes) {
  for (const float scale : {0.1F, 0.3F, 7.0F, 0x1.000002p-5F, 0x1p-130F}) {
    std::vector<float> w;
    for (int code = -140; code <= 140; ++code) {
      const float half = (static_cast<float>(code) + 0.5F) * scale;
      for (const float value : {half, std::nextafter(half, 1e3F), std::nextafter(half, -1e3F)})
        w.push_back(value);
    }
    expect_plain_sums(w, scale, -8, 7);
    expect_plain_sums(w, scale, -128, 127);
  }
}

TEST(RoundingSums, ClampWhatIsFarBeyondTheCodes) {
  expect_plain_sums({1e30F, -1e30F, 600, -600, 511.5F, 5e6F, 7.5F, 127.5F}, 1, -8, 7);
  expect_plain_sums({3e38F, -3e38F, 1, -1}, 1e-3F, -128, 127);
}

}  // namespace
}  // namespace msmodelslim
