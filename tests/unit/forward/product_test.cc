// Products in a model's dtype.
#include "forward/product.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tensor/tensor.h"

namespace msmodelslim {
namespace {

std::vector<float> random_values(std::int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(generator);
  return values;
}

constexpr std::int64_t kIn = 70;
constexpr std::int64_t kOut = 83;

class ProductTest : public testing::TestWithParam<DType> {
 protected:
  // Of a weight in this dtype.
  Linear linear() {
    weight_ = from_f32(random_values(kOut * kIn, 5).data(), {kOut, kIn}, GetParam());
    LinearSpec spec;
    spec.name = "linear";
    spec.in = kIn;
    spec.out = kOut;
    return {spec, WeightSource(weight_.view())};
  }
  Tensor weight_;
};

TEST_P(ProductTest, RowsOfAWeightGiveTheirShareOfTheProduct) {
  Linear whole = linear();
  constexpr std::int64_t kRows = 19;
  const std::vector<float> x = random_values(kRows * kIn, 6);
  for (const DType compute : {DType::kF32, DType::kBF16, DType::kF16}) {
    std::vector<float> expected(kRows * kOut);
    ProductWeight(whole, compute).multiply(x.data(), kRows, nullptr, expected.data());
    constexpr std::int64_t kBegin = 7;
    constexpr std::int64_t kEnd = 50;
    const ProductWeight part(whole.source(), kBegin, kEnd, compute);
    std::vector<float> y(kRows * (kEnd - kBegin));
    part.multiply(x.data(), kRows, nullptr, y.data());
    for (std::int64_t r = 0; r < kRows; ++r)
      for (std::int64_t c = kBegin; c < kEnd; ++c)
        EXPECT_NEAR(y[static_cast<std::size_t>(r * (kEnd - kBegin) + c - kBegin)],
                    expected[static_cast<std::size_t>(r * kOut + c)], 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ProductTest, testing::Values(DType::kF32, DType::kBF16, DType::kF16));

}  // namespace
}  // namespace msmodelslim
