#include "kernels/small_floats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tensor/codec.h"

namespace msmodelslim {
namespace {

// Bits decide: -0 is not 0, and NaN equals NaN.
void expect_same(const std::vector<float>& got, const std::vector<float>& want,
                 const std::vector<float>& x) {
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i])) {
      EXPECT_TRUE(std::isnan(got[i])) << x[i];
      continue;
    }
    EXPECT_EQ(std::bit_cast<std::uint32_t>(got[i]), std::bit_cast<std::uint32_t>(want[i]))
        << x[i] << ": " << got[i] << ", expected " << want[i];
  }
}

// All magnitudes, ties of both grids, and what is no number.
std::vector<float> values() {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> mantissa(-2, 2);
  std::uniform_int_distribution<int> exponent(-149, 12);
  std::vector<float> x = {0,
                          -0.0F,
                          448,
                          464,
                          465,
                          1e30F,
                          -1e30F,
                          6,
                          7,
                          -8,
                          std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN(),
                          0x1p-149F};
  for (int i = 0; i < 5000; ++i) x.push_back(std::ldexp(mantissa(random), exponent(random)));
  for (int code = 0; code < 126; ++code) {
    const float low = e4m3_to_f32(static_cast<std::uint8_t>(code));
    const float tie = low + (e4m3_to_f32(static_cast<std::uint8_t>(code + 1)) - low) / 2;
    x.insert(x.end(), {low, -low, tie, -tie, tie * (1 - 1e-5F), std::nextafter(tie, 1e3F)});
  }
  for (float tie : {0.25F, 0.75F, 1.25F, 1.75F, 2.5F, 3.5F, 5.0F})
    x.insert(x.end(), {tie, -tie, tie * (1 - 1e-5F), std::nextafter(tie, 8.0F)});
  return x;
}

// Halves away from zero, among the grid's values of one sign.
float nearest(const std::vector<float>& grid, float y) {
  if (std::isnan(y)) return y;
  const float a = std::fabs(y);
  std::size_t best = 0;
  for (std::size_t i = 1; i < grid.size(); ++i)
    if (a >= (static_cast<double>(grid[i - 1]) + grid[i]) / 2) best = i;
  return std::copysign(grid[best], y);
}

std::vector<float> e4m3_grid() {
  std::vector<float> grid;
  for (int code = 0; code < 127; ++code) grid.push_back(e4m3_values()[static_cast<unsigned>(code)]);
  return grid;
}

TEST(SmallFloats, E4m3IsTheNearestValueUnderAPowerOfTwo) {
  const std::vector<float> x = values();
  std::vector<float> got(x.size());
  std::vector<float> want(x.size());
  for (int exponent : {0, 3, -5}) {
    round_e4m3(x.data(), std::ldexp(1.0F, -exponent), std::ldexp(1.0F, exponent), got.data(),
               static_cast<std::int64_t>(x.size()));
    std::transform(x.begin(), x.end(), want.begin(), [&](float v) {
      return std::ldexp(nearest(e4m3_grid(), std::ldexp(v, -exponent)), exponent);
    });
    expect_same(got, want, x);
  }
}

TEST(SmallFloats, E2m1IsTheNearestValue) {
  const std::vector<float> x = values();
  std::vector<float> got(x.size());
  std::vector<float> want(x.size());
  round_e2m1(x.data(), 1, 1, got.data(), static_cast<std::int64_t>(x.size()));
  std::transform(x.begin(), x.end(), want.begin(), [](float v) {
    return nearest({0, 0.5F, 1, 1.5F, 2, 3, 4, 6}, v);
  });
  expect_same(got, want, x);
}

TEST(SmallFloats, E4m3EvenIsTheCodeThatIsStored) {
  const std::vector<float> x = values();
  std::vector<float> got(x.size());
  std::vector<float> want(x.size());
  for (float scale : {1.0F, 0.0123F}) {
    round_e4m3_even(x.data(), scale, got.data(), static_cast<std::int64_t>(x.size()));
    std::transform(x.begin(), x.end(), want.begin(),
                   [&](float v) { return e4m3_to_f32(f32_to_e4m3(v / scale)) * scale; });
    expect_same(got, want, x);
  }
}

TEST(SmallFloats, EveryE4m3CodeHasTheValueOfTheTable) {
  std::vector<std::uint8_t> codes(263);  // no whole number of vectors
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i);
  std::vector<float> got(codes.size());
  std::vector<float> want(codes.size());
  decode_e4m3(codes.data(), got.data(), static_cast<std::int64_t>(codes.size()));
  for (std::size_t i = 0; i < codes.size(); ++i) want[i] = e4m3_values()[codes[i]];
  expect_same(got, want, want);
}

TEST(SmallFloats, CountsThatAreNoWholeVectorsMayBeRoundedInPlace) {
  std::vector<float> x(37, 0.3F);
  round_e2m1(x.data(), 1, 1, x.data(), 19);
  EXPECT_EQ(std::count(x.begin(), x.end(), 0.5F), 19);
  EXPECT_EQ(x[19], 0.3F);
}

}  // namespace
}  // namespace msmodelslim
