#include "observe/quantile_tap.h"

#include <gtest/gtest.h>

namespace msmodelslim {
namespace {

// 400 values 0 ... 399: the sample keeps 50, 150, 250, 350; quartiles are its second and fourth.
TEST(QuantileTap, ScoresSampledValues) {
  LinearSpec spec;
  spec.name = "a";
  spec.in = 100;
  spec.out = 1;
  std::vector<float> weight(100);
  const Linear linear(
      spec, TensorView{DType::kF32, {1, 100}, reinterpret_cast<const std::byte*>(weight.data())});
  std::vector<float> x(400);
  for (std::size_t i = 0; i < x.size(); ++i) x[399 - i] = static_cast<float>(i);
  QuantileTap tap({"a", "b"});
  ASSERT_TRUE(tap.wants(linear));
  tap.see(linear, x.data(), 4, {{0, 4}});
  EXPECT_FLOAT_EQ(static_cast<float>(tap.score("a")), 2 * 350.0F / 254 / 200);
  EXPECT_EQ(tap.score("b"), 0);
}

}  // namespace
}  // namespace msmodelslim
