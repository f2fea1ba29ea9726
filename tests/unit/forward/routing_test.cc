#include "forward/routing.h"

#include <gmock/gmock.h>

#include <cmath>

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using testing::FloatNear;

MoeSpec moe_of(std::size_t experts, std::int64_t per_token, RouterScore score) {
  MoeSpec moe;
  moe.experts.resize(experts);
  moe.per_token = per_token;
  moe.score = score;
  return moe;
}

float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

TEST(Routing, SoftmaxWeightsSumToOneOnlyWhenNormalized) {
  MoeSpec moe = moe_of(4, 2, RouterScore::kSoftmax);
  std::vector<float> logits = {std::log(1.0F), std::log(4.0F), std::log(3.0F), std::log(2.0F)};
  std::vector<float> again = logits;
  const Routing plain = route(moe, logits.data(), nullptr, 1);
  EXPECT_THAT(plain.experts, ElementsAre(1, 2));
  EXPECT_THAT(plain.weights, ElementsAre(FloatNear(0.4F, 1e-6F), FloatNear(0.3F, 1e-6F)));
  moe.normalize = true;
  moe.scale = 2;
  const Routing scaled = route(moe, again.data(), nullptr, 1);
  EXPECT_THAT(scaled.weights, ElementsAre(FloatNear(8 / 7.0F, 1e-6F), FloatNear(6 / 7.0F, 1e-6F)));
}

TEST(Routing, AmongEqualsTheLowerNumberGoesFirst) {
  const MoeSpec moe = moe_of(3, 2, RouterScore::kSoftmax);
  std::vector<float> logits = {1, 1, 1, 0, 2, 2};
  EXPECT_THAT(route(moe, logits.data(), nullptr, 2).experts, ElementsAre(0, 1, 1, 2));
}

TEST(Routing, TheBiasChoosesButDoesNotWeigh) {
  const MoeSpec moe = moe_of(3, 1, RouterScore::kSigmoid);
  std::vector<float> logits = {2, 1, 0};
  const std::vector<float> bias = {0, 0, 5};
  const Routing routing = route(moe, logits.data(), bias.data(), 1);
  EXPECT_THAT(routing.experts, ElementsAre(2));
  EXPECT_THAT(routing.weights, ElementsAre(FloatNear(0.5F, 1e-6F)));
}

TEST(Routing, FixedExpertsAreWeighedByTheirScores) {
  MoeSpec moe = moe_of(3, 2, RouterScore::kRootSoftplus);
  moe.normalize = true;
  std::vector<float> logits = {9, 0, std::log(std::exp(4.0F) - 1)};
  const std::vector<std::int32_t> fixed = {2, 1};
  const Routing routing = route(moe, logits.data(), nullptr, 1, fixed.data());
  EXPECT_THAT(routing.experts, ElementsAre(2, 1));
  const float low = std::sqrt(std::log(2.0F));  // of a logit of 0; of the other it is 2
  EXPECT_THAT(routing.weights,
              ElementsAre(FloatNear(2 / (2 + low), 1e-6F), FloatNear(low / (2 + low), 1e-6F)));
}

TEST(Routing, ExpertsWithoutWeightsAreChoicesToo) {
  MoeSpec moe = moe_of(2, 2, RouterScore::kSoftmax);
  moe.zero_experts = 2;
  std::vector<float> logits = {std::log(2.0F), std::log(1.0F), std::log(3.0F), std::log(4.0F)};
  const Routing routing = route(moe, logits.data(), nullptr, 1);
  EXPECT_THAT(routing.experts, ElementsAre(3, 2));
  EXPECT_THAT(routing.weights, ElementsAre(FloatNear(0.4F, 1e-6F), FloatNear(0.3F, 1e-6F)));
}

TEST(Routing, OnlyTheBestGroupsAreLookedAt) {
  MoeSpec moe = moe_of(6, 2, RouterScore::kSigmoid);
  moe.groups = 3;
  moe.top_groups = 1;
  // The largest score is in the first group, the largest sum of two in the last.
  std::vector<float> logits = {3, -9, 0, 0, 1, 2};
  const Routing routing = route(moe, logits.data(), nullptr, 1);
  EXPECT_THAT(routing.experts, ElementsAre(5, 4));
  EXPECT_THAT(routing.weights,
              ElementsAre(FloatNear(sigmoid(2), 1e-6F), FloatNear(sigmoid(1), 1e-6F)));
}

}  // namespace
}  // namespace msmodelslim
