#include "runtime/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/error.h"

namespace msmodelslim {
namespace {

// How often each token comes out of the same logits.
std::map<std::int32_t, int> draws(SamplingParams params, const std::vector<float>& logits,
                                  int count = 4000) {
  std::map<std::int32_t, int> counts;
  params.seed = 17;
  Sampler sampler(params, {}, 0);
  for (int i = 0; i < count; ++i) {
    std::vector<float> line = logits;
    ++counts[sampler.next(line)];
  }
  return counts;
}

const std::vector<float> kLogits = {std::log(0.1F), std::log(0.5F), std::log(0.15F),
                                    std::log(0.25F)};

TEST(Sampler, GreedyTakesTheFirstOfTheLargest) {
  SamplingParams params;
  params.temperature = 0;
  EXPECT_EQ(draws(params, {1, 3, 3, 2}, 5), (std::map<std::int32_t, int>{{1, 5}}));
}

TEST(Sampler, FollowsTheProbabilities) {
  auto counts = draws({}, kLogits);
  EXPECT_NEAR(counts[0], 400, 80);
  EXPECT_NEAR(counts[1], 2000, 130);
  EXPECT_NEAR(counts[2], 600, 100);
  EXPECT_NEAR(counts[3], 1000, 110);
}

TEST(Sampler, TemperatureSharpens) {
  SamplingParams params;
  params.temperature = 0.5;  // squares: 0.01, 0.25, 0.0225, 0.0625
  auto counts = draws(params, kLogits);
  EXPECT_NEAR(counts[1], 4000 * 0.25 / 0.345, 120);
  EXPECT_NEAR(counts[0], 4000 * 0.01 / 0.345, 50);
}

TEST(Sampler, TopKTopPAndMinPCut) {
  SamplingParams params;
  params.top_k = 2;
  EXPECT_EQ(draws(params, kLogits).size(), 2U);
  params.top_k = -1;
  params.top_p = 0.7;  // 0.5, then 0.25 passes it
  auto counts = draws(params, kLogits);
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_NEAR(counts[1], 4000 * 2 / 3, 130);
  params.top_p = 1;
  params.min_p = 0.4;  // of 0.5: 0.2
  EXPECT_EQ(draws(params, kLogits).size(), 2U);
}

TEST(Sampler, TheSeedDecides) {
  const auto run = [](std::uint64_t seed) {
    SamplingParams params;
    params.seed = seed;
    Sampler sampler(params, {}, 0);
    std::vector<std::int32_t> tokens;
    for (int i = 0; i < 40; ++i) {
      std::vector<float> line = kLogits;
      tokens.push_back(sampler.next(line));
    }
    return tokens;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Sampler, PenaltiesCountPromptAndAnswer) {
  SamplingParams params;
  params.temperature = 0;
  params.repetition_penalty = 2;
  Sampler repeated(params, std::vector<std::int32_t>{1}, 0);
  std::vector<float> line = {1.5F, 2.0F, -1.0F};
  EXPECT_EQ(repeated.next(line), 0);  // 2.0 / 2 < 1.5
  line = {1.5F, 2.0F, -0.1F};
  EXPECT_EQ(repeated.next(line), 1);  // 1.5 / 2 < 2.0 / 2

  params.repetition_penalty = 1;
  params.frequency_penalty = 0.5;
  params.presence_penalty = 0.25;
  Sampler counted(params, std::vector<std::int32_t>{0}, 0);
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < 4; ++i) {
    line = {2.0F, 1.0F};
    tokens.push_back(counted.next(line));
  }
  // After n answers of token 0 it has 2 - 0.5 n - 0.25; a prompt does not count.
  EXPECT_EQ(tokens, (std::vector<std::int32_t>{0, 0, 1, 0}));
}

TEST(Sampler, AnOpeningIsChosenThenFollowed) {
  SamplingParams params;
  params.openings = {{0, 2, 2}, {3, 1}};
  for (const double temperature : {0.0, 1.0, 9.0}) {
    params.temperature = temperature;
    std::map<std::int32_t, int> first;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      params.seed = seed;
      Sampler sampler(params, {}, 0);
      std::vector<std::int32_t> answer;
      for (int i = 0; i < 4; ++i) {
        std::vector<float> line = kLogits;
        answer.push_back(sampler.next(line));
      }
      ++first[answer[0]];
      if (answer[0] == 0) answer.resize(3);
      if (answer[0] == 3) answer.resize(2);
      EXPECT_TRUE(answer == params.openings[0] || answer == params.openings[1]);
    }
    EXPECT_EQ(first.size(), temperature == 0 ? 1U : 2U);
    EXPECT_GT(first[3], first[0]);
  }
}

TEST(Sampler, ValuesOutOfRangeAreRefused) {
  SamplingParams params;
  params.top_p = 0;
  EXPECT_THROW(check_params(params), UsageError);
  params = {};
  params.temperature = -1;
  EXPECT_THROW(check_params(params), UsageError);
  params = {};
  params.max_tokens = 0;
  EXPECT_THROW(check_params(params), UsageError);
}

}  // namespace
}  // namespace msmodelslim
