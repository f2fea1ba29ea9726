// Worked example T-24 of the quantizers reference, and the vector code against plain loops.
#include "kernels/learned_round.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace msmodelslim {
namespace {

constexpr RoundRange kInt4{0.5F, -8.0F, 7.0F};

std::vector<int> codes(const std::vector<float>& w, const std::vector<float>& v, float scale) {
  std::vector<std::int8_t> q(w.size());
  learned_codes(w.data(), v.empty() ? nullptr : v.data(), scale, kInt4, q.data(),
                static_cast<std::int64_t>(w.size()));
  return {q.begin(), q.end()};
}

TEST(LearnedRound, T24) {
  const std::vector<float> first = {0.9F, -0.33F, 0.51F, 0.08F};
  const std::vector<float> second = {2.0F, 1.1F, -0.7F, 0.35F};
  EXPECT_EQ(codes(first, {}, 0.12890625F), (std::vector<int>{7, -3, 4, 1}));
  EXPECT_EQ(codes(second, {}, 0.28515625F), (std::vector<int>{7, 4, -2, 1}));
  EXPECT_EQ(codes(first, {0, .2F, .3F, -.4F}, 0.11572265625F), (std::vector<int>{7, -3, 5, 0}));
  EXPECT_EQ(codes(second, {.1F, -.45F, .5F, .7F}, 0.2578125F), (std::vector<int>{7, 4, -2, 2}));
}

TEST(LearnedRound, VectorsAgreeWithPlainLoops) {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  for (float bound : {0.5F, std::numeric_limits<float>::infinity()})
    for (bool pushed : {true, false})
      for (std::size_t n = 1; n < 40; ++n) {
        const RoundRange range{bound, -8, 7};
        const float scale = -0.3F;
        std::vector<float> w(n), v(n), g(n);
        for (std::size_t i = 0; i < n; ++i) {
          w[i] = normal(generator);
          v[i] = 0.7F * normal(generator);
          g[i] = i % 5 == 0 ? 0.0F : normal(generator);
        }
        std::vector<float> expected_v = v;
        std::vector<float> expected_out(n);
        double slope = 0;
        for (std::size_t i = 0; i < n; ++i) {
          const float push = pushed ? std::clamp(v[i], -bound, bound) : 0.0F;
          const float raw = std::nearbyint(w[i] / scale + push);
          const float q = std::clamp(raw, -8.0F, 7.0F);
          expected_out[i] = scale * q;
          slope +=
              static_cast<double>(g[i]) * static_cast<double>(q - (raw == q ? w[i] / scale : 0.0F));
          if (raw == q && g[i] != 0 && std::fabs(v[i]) <= bound)
            expected_v[i] -= std::copysign(0.125F, g[i] * scale);
        }
        std::vector<float> out(n);
        float* push = pushed ? v.data() : nullptr;
        const auto count = static_cast<std::int64_t>(n);
        learned_round(w.data(), push, scale, range, out.data(), count);
        EXPECT_EQ(out, expected_out);
        EXPECT_NEAR(learned_round_step(w.data(), push, g.data(), scale, range, 0.125F, count),
                    slope, 1e-4);
        if (pushed) {
          EXPECT_EQ(v, expected_v);
        }
      }
}

}  // namespace
}  // namespace msmodelslim
