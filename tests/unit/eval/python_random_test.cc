// Values of CPython with seed 1234.
#include "eval/python_random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace msmodelslim {
namespace {

using testing::ElementsAre;

TEST(PythonRandom, Words) {
  PythonRandom random(1234);
  EXPECT_EQ(random.bits(), 4150886329U);
  EXPECT_EQ(random.bits(), 3342196574U);
}

TEST(PythonRandom, Samples) {
  PythonRandom random(1234);
  EXPECT_THAT(random.sample(7473, 5), ElementsAre(6374, 3610, 957, 61, 742));
  EXPECT_THAT(random.sample(7473, 5), ElementsAre(7462, 6610, 4769, 286, 5501));
  EXPECT_THAT(random.sample(7473, 5), ElementsAre(5677, 687, 806, 6279, 2905));
  PythonRandom again(1234);
  EXPECT_THAT(again.sample(39905, 10),
              ElementsAre(28883, 7657, 490, 5940, 38156, 2288, 5500, 6450, 23241, 15519));
}

TEST(PythonRandom, SmallPoolsAreShuffled) {
  PythonRandom random(1234);
  auto all = random.sample(6, 6);
  EXPECT_THAT(all, testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5));
}

}  // namespace
}  // namespace msmodelslim
