#include "kernels/log_softmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace msmodelslim {
namespace {

std::vector<float> logits(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, 6.0F);
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

TEST(LogSoftmax, EqualsTheSumInDouble) {
  for (const std::size_t count : {1U, 7U, 64U, 5001U}) {
    const std::vector<float> x = logits(count, 3);
    std::vector<float> got = x;
    log_softmax(got.data(), static_cast<std::int64_t>(count));
    double sum = 0;
    for (const float value : x) sum += std::exp(static_cast<double>(value));
    for (std::size_t i = 0; i < count; ++i)
      EXPECT_NEAR(got[i], static_cast<double>(x[i]) - std::log(sum), 4e-6) << count;
  }
}

TEST(LogSoftmax, LargeLogitsDoNotOverflow) {
  std::vector<float> x = {1000.0F, 1000.0F, -1e30F};
  log_softmax(x.data(), 3);
  EXPECT_NEAR(x[0], -std::log(2.0), 1e-6);
  EXPECT_LT(x[2], -1e29F);
}

TEST(KlDivergence, EqualsTheSumInDouble) {
  for (const std::size_t count : {1U, 13U, 4099U}) {
    std::vector<float> p = logits(count, 1);
    std::vector<float> q = p;
    for (std::size_t i = 0; i < count; ++i) q[i] += std::sin(static_cast<float>(i)) * 0.1F;
    log_softmax(p.data(), static_cast<std::int64_t>(count));
    log_softmax(q.data(), static_cast<std::int64_t>(count));
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i)
      sum += std::exp(static_cast<double>(p[i])) *
             (static_cast<double>(p[i]) - static_cast<double>(q[i]));
    EXPECT_NEAR(kl_divergence(p.data(), q.data(), static_cast<std::int64_t>(count)), sum, 1e-7);
  }
}

TEST(KlDivergence, OfARowAndItselfIsZero) {
  std::vector<float> p = logits(1000, 2);
  log_softmax(p.data(), 1000);
  EXPECT_EQ(kl_divergence(p.data(), p.data(), 1000), 0);
}

}  // namespace
}  // namespace msmodelslim
