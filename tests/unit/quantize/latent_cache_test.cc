// Worked example T-31 of the quantizers reference, and what a cache gives back.
#include "quantize/latent_cache.h"

#include <gtest/gtest.h>

namespace msmodelslim {
namespace {

TEST(LatentCache, ScalesOfT31) {
  EXPECT_FLOAT_EQ(attention_scale({-9, .5F}, false), 0.07086614519357681F);
  EXPECT_FLOAT_EQ(attention_scale({-.2F, .5F}, false), 0.003937007859349251F);
  EXPECT_FLOAT_EQ(attention_scale({-.2F, .5F}, true), 0.0011160714285714285F);
  EXPECT_GT(attention_scale({0, 0}, true), 0);
}

TEST(LatentCache, OnlyTheLatentPartIsRounded) {
  std::vector<float> rows = {0.26F, -7, 0.26F, 0.24F, 1, 0.26F};
  fake_quantize_latents({0.05F, false}, rows.data(), 2, 2, 3);
  const std::vector<float> want = {0.25F, -6.4F, 0.26F, 0.25F, 1, 0.26F};
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_NEAR(rows[i], want[i], 1e-6) << i;
  rows = {0.26F, -700};
  fake_quantize_latents({1, true}, rows.data(), 1, 2, 2);
  EXPECT_FLOAT_EQ(rows[0], 0.25F);
  EXPECT_FLOAT_EQ(rows[1], -448);
}

}  // namespace
}  // namespace msmodelslim
