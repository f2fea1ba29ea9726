#include "quantize/low_rank.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"
#include "quantize/linear_quantizer.h"

namespace msmodelslim {
namespace {

LinearSpec spec_of(std::int64_t out, std::int64_t in) {
  return {"model.layers.0.mlp.gate_proj", in, out, false, Role::kGate, ""};
}

std::vector<float> noise(std::int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(generator);
  return values;
}

TEST(LowRank, T37) {
  const std::vector<float> w = {3, 1, 2, 1.5F};
  const Tensor tensor = from_f32(w.data(), {2, 2}, DType::kF32);
  Linear linear(spec_of(2, 2), tensor.view());
  const std::vector<float> residual = residual_of(linear, low_rank_of(linear, 1, DType::kF32));
  const std::vector<float> expected = {.16605401F, -.34887469F, -.21267819F, .44683039F};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(residual[i], expected[i], 1e-6);
}

// Residual and branch together are the float linear, whatever the shape, rank and dtype.
TEST(LowRank, TheOutputStaysTheSame) {
  struct Shape {
    std::int64_t out, in, rank, rows;
  };
  for (const Shape& s : {Shape{1, 1, 1, 1}, Shape{1, 9, 1, 3}, Shape{6, 1, 1, 2},
                         Shape{37, 21, 5, 4}, Shape{40, 300, 40, 2}})
    for (DType dtype : {DType::kF32, DType::kBF16}) {
      const Tensor tensor = from_f32(noise(s.out * s.in, 1).data(), {s.out, s.in}, dtype);
      Linear linear(spec_of(s.out, s.in), tensor.view());
      const LowRank branch = low_rank_of(linear, s.rank, dtype);
      const std::vector<float> x = noise(s.rows * s.in, 2);
      std::vector<float> expected(static_cast<std::size_t>(s.rows * s.out));
      std::vector<float> y(expected.size());
      ProductWeight(linear, DType::kF32).multiply(x.data(), s.rows, nullptr, expected.data());
      ProductWeight(residual_of(linear, branch), s.out, s.in, DType::kF32)
          .multiply(x.data(), s.rows, nullptr, y.data());
      add_low_rank(branch, x.data(), s.rows, DType::kF32, y.data());
      for (std::size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], 1e-3);
      for (float value : branch.l2) ASSERT_EQ(value, round_to_dtype(value, dtype));
    }
}

// A few large directions would spoil int4 scales; the branch takes them.
TEST(LowRank, MakesCoarseWeightsBetter) {
  constexpr std::int64_t kOut = 48;
  constexpr std::int64_t kIn = 64;
  std::vector<float> w = noise(kOut * kIn, 3);
  const std::vector<float> left = noise(kOut, 4);
  const std::vector<float> right = noise(kIn, 5);
  for (std::int64_t i = 0; i < kOut * kIn; ++i)
    w[static_cast<std::size_t>(i)] +=
        20 * left[static_cast<std::size_t>(i / kIn)] * right[static_cast<std::size_t>(i % kIn)];
  const Tensor tensor = from_f32(w.data(), {kOut, kIn}, DType::kF32);
  const auto error = [&](std::int64_t rank) {
    Linear linear(spec_of(kOut, kIn), tensor.view());
    LinearConfig config;
    config.type = LinearType::kW4A8Dynamic;
    config.weight.bits = 4;
    LowRank branch;
    if (rank > 0) branch = low_rank_of(linear, rank, DType::kF32);
    const QuantizedLinear q = LinearQuantizer(config, linear, nullptr, false, branch).finish();
    std::vector<float> back(w.size());
    dequantize_weight(q, back.data());
    double sum = 0;
    for (std::int64_t i = 0; i < kOut * kIn; ++i) {
      double value = static_cast<double>(back[static_cast<std::size_t>(i)]);
      for (std::int64_t r = 0; r < rank; ++r)
        value += static_cast<double>(q.low_rank.l2[static_cast<std::size_t>(i / kIn * rank + r)]) *
                 static_cast<double>(q.low_rank.l1[static_cast<std::size_t>(r * kIn + i % kIn)]);
      const double d = value - static_cast<double>(w[static_cast<std::size_t>(i)]);
      sum += d * d;
    }
    return sum;
  };
  EXPECT_LT(error(1), 0.02 * error(0));
}

TEST(LowRank, DamagedWeightsAreErrors) {
  for (float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const std::vector<float> w = {1, bad, 2, 3};
    const Tensor tensor = from_f32(w.data(), {2, 2}, DType::kF32);
    Linear linear(spec_of(2, 2), tensor.view());
    EXPECT_THROW(low_rank_of(linear, 1, DType::kF32), DataError);
  }
}

}  // namespace
}  // namespace msmodelslim
