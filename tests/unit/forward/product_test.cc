// Products in a model's dtype.
#include "forward/product.h"

#include <gtest/gtest.h>

#include <vector>

#include "random_values.h"
#include "tensor/tensor.h"

namespace msmodelslim {
namespace {

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

TEST(ProductWeight, HasTheSameBitsWhenPacked) {
  const std::int64_t rows = 40, out = 70, in = 33;
  const std::vector<float> x = random_values(rows * in, 5);
  for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    ProductWeight weight(random_values(out * in, 6), out, in, dtype);
    std::vector<float> plain(static_cast<std::size_t>(rows * out));
    weight.multiply(x.data(), rows, nullptr, plain.data());
    weight.pack();
    std::vector<float> packed(plain.size());
    weight.multiply(x.data(), rows, nullptr, packed.data());
    EXPECT_EQ(packed, plain);
    const ProductWeight moved = std::move(weight);
    moved.multiply(x.data(), rows, nullptr, packed.data());
    EXPECT_EQ(packed, plain);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ProductTest, testing::Values(DType::kF32, DType::kBF16, DType::kF16));

}  // namespace
}  // namespace msmodelslim
