#include "kernels/packed_bf16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <tuple>
#include <vector>

#include "base/huge_buffer.h"
#include "base/threads.h"
#include "kernels/ops.h"

namespace msmodelslim {
namespace {

float widened(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// rows, out, in
class PackedBf16Test : public testing::TestWithParam<std::tuple<int, int, int>> {
 protected:
  void SetUp() override {
    if (!PackedBf16::available()) GTEST_SKIP() << "this processor has no AVX512-BF16";
  }

  std::vector<float> floats(std::int64_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = normal(generator_);
    return values;
  }

  std::mt19937 generator_{7};
};

TEST_P(PackedBf16Test, MultipliesRoundedValues) {
  const auto [rows, out, in] = GetParam();
  const std::vector<float> x = floats(rows * in);
  std::vector<std::uint16_t> w(static_cast<std::size_t>(out * in));
  f32_to_bf16(floats(out * in).data(), w.data(), out * in);
  std::vector<std::uint16_t> rounded(x.size());
  f32_to_bf16(x.data(), rounded.data(), rows * in);
  HugeBuffer memory;
  const PackedBf16 packed(w.data(), out, in, memory.take(PackedBf16::bytes(out, in)));
  std::vector<float> y(static_cast<std::size_t>(rows * out), NAN);
  packed.multiply(x.data(), rows, y.data());
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < out; ++c) {
      double sum = 0;
      double size = 0;
      for (int i = 0; i < in; ++i) {
        const double product =
            static_cast<double>(widened(rounded[static_cast<std::size_t>(r * in + i)])) *
            static_cast<double>(widened(w[static_cast<std::size_t>(c * in + i)]));
        sum += product;
        size += std::abs(product);
      }
      EXPECT_NEAR(static_cast<double>(y[static_cast<std::size_t>(r * out + c)]), sum, 1e-6 * size);
    }
  std::vector<float> last(static_cast<std::size_t>(out));
  packed.multiply(x.data() + (rows - 1) * in, 1, last.data());
  EXPECT_TRUE(std::equal(last.begin(), last.end(), y.end() - out)) << "depends on other rows";
}

TEST_P(PackedBf16Test, SeveralWeightsHaveTheBitsOfEachForEveryNumberOfThreads) {
  const auto [rows, out, in] = GetParam();
  const std::vector<float> x = floats(rows * in);
  const std::vector<std::int64_t> widths = {out, 2 * out + 5, 1};
  HugeBuffer memory;
  std::vector<PackedBf16> weights;
  for (const std::int64_t width : widths) {
    std::vector<std::uint16_t> w(static_cast<std::size_t>(width * in));
    f32_to_bf16(floats(width * in).data(), w.data(), width * in);
    weights.emplace_back(w.data(), width, in, memory.take(PackedBf16::bytes(width, in)));
  }
  for (const int threads : {1, 2, 7}) {
    set_thread_count(threads);
    std::vector<std::vector<float>> together;
    std::vector<PackedBf16::Product> products;
    for (std::size_t i = 0; i < widths.size(); ++i)
      together.emplace_back(static_cast<std::size_t>(rows * widths[i]), NAN);
    for (std::size_t i = 0; i < widths.size(); ++i)
      products.push_back({&weights[i], together[i].data(), widths[i]});
    PackedBf16::multiply_each(products, x.data(), rows);
    for (std::size_t i = 0; i < widths.size(); ++i) {
      std::vector<float> alone(together[i].size());
      weights[i].multiply(x.data(), rows, alone.data());
      EXPECT_EQ(together[i], alone) << threads << " threads, weight " << i;
    }
  }
  set_thread_count(available_threads());
}

INSTANTIATE_TEST_SUITE_P(Sizes, PackedBf16Test,
                         testing::Values(std::tuple(1, 32, 64), std::tuple(1, 1, 1),
                                         std::tuple(8, 70, 33), std::tuple(14, 33, 64),
                                         std::tuple(15, 31, 7), std::tuple(33, 97, 130),
                                         std::tuple(700, 40, 66), std::tuple(500, 33, 9)));

}  // namespace
}  // namespace msmodelslim
