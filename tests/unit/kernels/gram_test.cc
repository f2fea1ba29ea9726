#include "kernels/gram.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/threads.h"

namespace msmodelslim {
namespace {

std::vector<float> random_rows(std::int64_t rows, std::int64_t width) {
  std::mt19937 generator(7);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(rows * width));
  for (float& value : values) value = normal(generator);
  return values;
}

std::vector<float> gram(const std::vector<float>& x, std::int64_t rows, std::int64_t width) {
  std::vector<float> h(static_cast<std::size_t>(width * width), 1.0F);
  add_gram(x.data(), rows, width, h.data());
  return h;
}

TEST(Gram, AgreesWithTheDefinition) {
  for (const std::int64_t width : {1, 3, 24, 47, 96, 131})
    for (const std::int64_t rows : {1, 5, 256, 300}) {
      const auto x = random_rows(rows, width);
      const auto h = gram(x, rows, width);
      for (std::int64_t i = 0; i < width; ++i)
        for (std::int64_t j = i; j < width; ++j) {
          double sum = 1;
          for (std::int64_t r = 0; r < rows; ++r)
            sum += static_cast<double>(x[static_cast<std::size_t>(r * width + i)]) *
                   static_cast<double>(x[static_cast<std::size_t>(r * width + j)]);
          ASSERT_NEAR(h[static_cast<std::size_t>(i * width + j)], sum, 1e-3)
              << width << " " << rows << " " << i << " " << j;
        }
    }
}

TEST(Gram, IsTheSameForAnyNumberOfThreads) {
  constexpr std::int64_t kRows = 700;
  constexpr std::int64_t kWidth = 200;
  const auto x = random_rows(kRows, kWidth);
  set_thread_count(1);
  const auto expected = gram(x, kRows, kWidth);
  for (const int threads : {2, 5}) {
    set_thread_count(threads);
    EXPECT_EQ(gram(x, kRows, kWidth), expected);
  }
  set_thread_count(available_threads());
}

}  // namespace
}  // namespace msmodelslim
