#include "kernels/gram.h"

#include <gtest/gtest.h>

#include <algorithm>
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

TEST(Gram, PartsMakeTheBytesOfTheWhole) {
  constexpr std::int64_t kRows = 300;
  for (const std::int64_t width : {5, 24, 100, 131}) {
    const auto x = random_rows(kRows, width);
    const std::vector<float> whole = gram(x, kRows, width);
    for (const int parts : {1, 2, 3, 7}) {
      EXPECT_EQ(gram_border(width, 0, parts), 0);
      EXPECT_EQ(gram_border(width, parts, parts), width);
      for (int part = 0; part < parts; ++part) {
        const std::int64_t begin = gram_border(width, part, parts);
        const std::int64_t end = gram_border(width, part + 1, parts);
        std::vector<float> h(static_cast<std::size_t>(width * width), 1.0F);
        if (begin < end) add_gram_columns(x.data(), kRows, width, begin, end, h.data());
        for (std::int64_t r = 0; r < width; ++r)
          for (std::int64_t c = std::max(r, begin); c < end; ++c)
            EXPECT_EQ(h[static_cast<std::size_t>(r * width + c)],
                      whole[static_cast<std::size_t>(r * width + c)]);
      }
    }
  }
}

}  // namespace
}  // namespace msmodelslim
