// Worked examples of the reference (T-nn: quantizers.md) and properties.
#include "quantize/float_sparse.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"
#include "base/threads.h"
#include "tensor/codec.h"

namespace msmodelslim {
namespace {

std::vector<float> prune(const std::vector<float>& weight, std::int64_t out, std::int64_t in,
                         const Hessian& inputs, double ratio, DType dtype = DType::kF32) {
  const Tensor tensor = from_f32(weight.data(), {out, in}, dtype);
  Linear linear({"model.layers.0.mlp.gate_proj", in, out, false, Role::kGate, ""}, tensor.view());
  QuantizedLinear result;
  result.spec = linear.spec();
  SparsePruner(inputs, linear.name()).prune(WeightRows(linear), ratio, dtype, result);
  EXPECT_EQ(result.type, LinearType::kW16A16S);
  EXPECT_EQ(result.codes.dtype(), dtype);
  std::vector<float> values(weight.size());
  dequantize_weight(result, values.data());
  return values;
}

Hessian inputs_of(const std::vector<float>& x, std::int64_t in) {
  Hessian hessian(in);
  hessian.add(x.data(), static_cast<std::int64_t>(x.size()) / in);
  return hessian;
}

std::vector<float> noise(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

TEST(RoundSparse, T32) {
  const std::vector<float> x = {1,     1.1F,   1.125F, 1.2F,    1.375F, 1.4F,    1.9F, -.3F,
                                .004F, .0025F, .0019F, .00122F, 3e-5F,  5.9e-8F, 0,    100.7F};
  const std::vector<float> expected = {
      1,          1,           1,           1.25F,        1.5F, 1.5F, 2, -.3125F,
      .00390625F, .001953125F, .001953125F, .0009765625F, 0,    0,    0, 96};
  for (std::size_t i = 0; i < x.size(); ++i)
    EXPECT_EQ(round_sparse(round_to_f16(x[i]), false), expected[i]) << x[i];
}

TEST(RoundSparse, KeptValuesStayUnlessTheyAreSmall) {
  EXPECT_EQ(round_sparse(1.1015625F, true), 1.1015625F);
  EXPECT_EQ(round_sparse(0x1.8p-15F, true), 0x1.8p-15F);  // subnormal half
  EXPECT_EQ(round_sparse(0x1.4p-10F, true), 0x1p-10F);
  EXPECT_EQ(round_sparse(-0x1.cp-9F, true), -0x1p-8F);
}

TEST(FloatSparse, T33) {
  const Hessian inputs =
      inputs_of({1, .5F, 0, .2F, .5F, 1, .1F, 0, 0, .25F, 1, .5F, .3F, 0, .5F, 1}, 4);
  const std::vector<float> expected = {.75F, 0, .5F, 0, 2.16796875F, 1, -.4375F, 0};
  EXPECT_EQ(prune({.9F, -.33F, .51F, .08F, 2, 1.1F, -.7F, .35F}, 2, 4, inputs, .375), expected);
}

TEST(FloatSparse, HasAtLeastTheShareOfZeros) {
  for (const auto& [out, in] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {1, 33}, {7, 5}, {20, 48}})
    for (double ratio : {0.0, 0.1, 0.5, 1.0}) {
      const Hessian inputs = inputs_of(noise(static_cast<std::size_t>(64 * in), 1), in);
      const std::vector<float> w =
          prune(noise(static_cast<std::size_t>(out * in), 2), out, in, inputs, ratio);
      const auto zeros = std::count(w.begin(), w.end(), 0.0F);
      EXPECT_GE(zeros, static_cast<std::int64_t>(ratio * static_cast<double>(out * in)));
      if (ratio == 0) {
        EXPECT_LE(zeros, 1);
      }
    }
}

double output_error(const std::vector<float>& a, const std::vector<float>& b,
                    const std::vector<float>& x, std::int64_t in) {
  const auto k = static_cast<std::size_t>(in);
  double error = 0;
  for (std::size_t row = 0; row < a.size(); row += k)
    for (std::size_t token = 0; token < x.size(); token += k) {
      double d = 0;
      for (std::size_t j = 0; j < k; ++j)
        d += static_cast<double>(a[row + j] - b[row + j]) * static_cast<double>(x[token + j]);
      error += d * d;
    }
  return error;
}

// What the inputs have in common lets the values that stay make up for those that go.
TEST(FloatSparse, LosesLessThanDroppingTheSmallest) {
  constexpr std::int64_t kIn = 48;
  std::vector<float> x = noise(256 * kIn, 3);
  const std::vector<float> common = noise(256, 4);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += 2 * common[i / kIn];
  const std::vector<float> w = noise(32 * kIn, 5);
  const std::vector<float> sparse = prune(w, 32, kIn, inputs_of(x, kIn), 0.5);
  std::vector<float> sorted = w;
  for (float& value : sorted) value = std::fabs(value);
  std::sort(sorted.begin(), sorted.end());
  std::vector<float> plain = w;
  for (float& value : plain)
    if (std::fabs(value) < sorted[sorted.size() / 2]) value = 0;
  EXPECT_LT(output_error(w, sparse, x, kIn), 0.7 * output_error(w, plain, x, kIn));
}

TEST(FloatSparse, DeadColumnsGoFirst) {
  constexpr std::int64_t kIn = 8;
  std::vector<float> x = noise(32 * kIn, 6);
  for (std::size_t i = 3; i < x.size(); i += kIn) x[i] = 0;
  const std::vector<float> w = prune(noise(6 * kIn, 7), 6, kIn, inputs_of(x, kIn), 0.125);
  for (std::size_t i = 3; i < w.size(); i += kIn) EXPECT_EQ(w[i], 0.0F);
}

TEST(FloatSparse, KeepsTheDtypeAndTheBits) {
  constexpr std::int64_t kIn = 300;
  const Hessian inputs = inputs_of(noise(100 * kIn, 8), kIn);
  const std::vector<float> w = noise(200 * kIn, 9);
  const int before = thread_count();
  set_thread_count(1);
  const std::vector<float> one = prune(w, 200, kIn, inputs, 0.3, DType::kBF16);
  set_thread_count(3);
  const std::vector<float> three = prune(w, 200, kIn, inputs, 0.3, DType::kBF16);
  set_thread_count(before);
  EXPECT_EQ(one, three);
}

TEST(FloatSparse, DamagedInputIsAnError) {
  EXPECT_THROW(SparsePruner(Hessian(4), "q_proj"), DataError);  // no token
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(SparsePruner(inputs_of({1, nan}, 2), "q_proj"), DataError);
  const Hessian inputs = inputs_of({1, 2}, 2);
  EXPECT_THROW(prune({1, nan}, 1, 2, inputs, 0.3), DataError);
  EXPECT_THROW(prune({1, 1e6F}, 1, 2, inputs, 0.0), DataError);  // no half
}

}  // namespace
}  // namespace msmodelslim
