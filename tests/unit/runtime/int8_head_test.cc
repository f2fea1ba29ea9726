// The head computed with int8 weights and activations.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "runtime/runner.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

std::vector<float> logits_of(const std::string& folder, const LoadOptions& options) {
  ModelRunner runner(folder, 0, options);
  SequenceCache cache(runner.spec());
  const std::vector<std::int32_t> ids = {3, 14, 15, 92, 65};
  const SequenceStep step{&cache, ids};
  const float* logits = runner.run({&step, 1});
  return {logits, logits + runner.spec().vocab};
}

TEST(Int8Head, IsWithinTheRoundingOfBothSides) {
  const std::string folder = golden_dir() + "/models/qwen2";
  const std::vector<float> want = logits_of(folder, {});
  const std::vector<float> got = logits_of(folder, {.int8_head = true});
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    error += std::pow(got[i] - want[i], 2);
    size += std::pow(want[i], 2);
  }
  EXPECT_GT(error, 0);
  EXPECT_LT(std::sqrt(error / size), 0.02);
}

TEST(Int8Head, IsExactForCodes) {  // rows of integers up to 127 have scale 1
  const std::vector<float> weight = {127, -3, 5, 0, 127, 64};
  const TensorView view{DType::kF32, {2, 3}, reinterpret_cast<const std::byte*>(weight.data())};
  LinearSpec spec;
  spec.name = "lm_head";
  spec.in = 3;
  spec.out = 2;
  Linear linear(spec, view);
  Int8LinearOp head;
  const std::vector<float> x = {127, 2, -1, 254, -254, 2};
  std::vector<float> y(4);
  head.apply(linear, x.data(), 2, {{0, 2, 0}}, y.data());
  EXPECT_FLOAT_EQ(y[0], 127 * 127 - 6 - 5);
  EXPECT_FLOAT_EQ(y[1], 2 * 127 - 64);
  EXPECT_FLOAT_EQ(y[2], 254 * 127 + 3 * 254 + 10);
  EXPECT_FLOAT_EQ(y[3], -254 * 127 + 2 * 64);
}

}  // namespace
}  // namespace msmodelslim
