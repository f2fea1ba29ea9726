#include "quantize/scale_histogram.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(ScaleHistogram, BinsAreHalfOctaves) {
  ScaleHistogram histogram;
  const float root = std::sqrt(2.0F);
  for (const float scale : {1.0F, std::nextafter(root, 0.0F), root, -1.9F, 2.0F, 0.5F, 0.0078125F})
    histogram.add(scale);
  EXPECT_THAT(histogram.counts(),
              ElementsAre(Pair(-14, 1), Pair(-2, 1), Pair(0, 2), Pair(1, 2), Pair(2, 1)));
  EXPECT_EQ(histogram.others(), 0);
}

TEST(ScaleHistogram, EveryFloatHasAPlace) {
  ScaleHistogram histogram;
  using Limits = std::numeric_limits<float>;
  for (const float scale : {Limits::min(), Limits::max()}) histogram.add(scale);
  for (const float scale : {0.0F, Limits::denorm_min(), Limits::infinity(), Limits::quiet_NaN()})
    histogram.add(scale);
  EXPECT_THAT(histogram.counts(), ElementsAre(Pair(-252, 1), Pair(255, 1)));
  EXPECT_EQ(histogram.others(), 4);
}

TEST(ScaleHistogram, LevelsAreMultiplied) {
  QuantizedLinear linear;
  linear.spec.out = 2;
  linear.spec.in = 64;
  linear.exponents = {127, 128, 129, 130};  // 1, 2 and 4, 8
  ScaleHistogram plain;
  plain.add(linear);
  EXPECT_THAT(plain.counts(), ElementsAre(Pair(0, 1), Pair(2, 1), Pair(4, 1), Pair(6, 1)));
  linear.dual_block = 64;
  linear.dual_scale = {1, 4};  // of a row
  ScaleHistogram dual;
  dual.add(linear);
  EXPECT_THAT(dual.counts(), ElementsAre(Pair(0, 1), Pair(2, 1), Pair(8, 1), Pair(10, 1)));
}

}  // namespace
}  // namespace msmodelslim
