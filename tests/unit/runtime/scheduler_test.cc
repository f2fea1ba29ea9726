#include "runtime/scheduler.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "base/error.h"
#include "kernels/log_softmax.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() : runner_(golden_dir() + "/models/qwen2") {
    greedy_.temperature = 0;
    greedy_.max_tokens = 6;
    greedy_.ignore_eos = true;
  }
  static std::vector<std::int32_t> prompt(int length, int first) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(length));
    std::iota(ids.begin(), ids.end(), first);
    return ids;
  }
  static void collect(Scheduler& scheduler,
                      std::map<std::int64_t, std::vector<std::int32_t>>& answers) {
    for (const Sampled& sampled : scheduler.step().sampled)
      answers[sampled.request].push_back(sampled.token);
  }
  std::vector<std::int32_t> alone(const std::vector<std::int32_t>& ids) {
    Scheduler scheduler(runner_, {});
    std::map<std::int64_t, std::vector<std::int32_t>> answers;
    const std::int64_t id = scheduler.add(ids, greedy_);
    while (!scheduler.idle()) collect(scheduler, answers);
    return answers.at(id);
  }
  ModelRunner runner_;
  SamplingParams greedy_;
};

TEST_F(SchedulerTest, OnlyTheEndOfATruncatedPromptCounts) {
  const std::vector<std::int32_t> end = alone(prompt(7, 33));
  greedy_.truncate_prompt_tokens = 7;
  EXPECT_EQ(alone(prompt(30, 10)), end);
  greedy_.truncate_prompt_tokens = 0;
  EXPECT_THROW(alone(prompt(30, 10)), UsageError);
}

TEST_F(SchedulerTest, RequestsJoinAndLeave) {
  const std::vector<std::vector<std::int32_t>> prompts = {prompt(5, 10), prompt(40, 3),
                                                          prompt(1, 77)};
  Scheduler scheduler(runner_, {});
  std::map<std::int64_t, std::vector<std::int32_t>> answers;
  std::vector<std::int64_t> ids;
  for (const auto& p : prompts) {
    ids.push_back(scheduler.add(p, greedy_));
    collect(scheduler, answers);
    collect(scheduler, answers);
  }
  while (!scheduler.idle()) collect(scheduler, answers);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(answers.at(ids[i]).size(), 6U);
    EXPECT_EQ(answers.at(ids[i]), alone(prompts[i])) << i;
  }
}

TEST_F(SchedulerTest, LongPromptsGoInPieces) {
  greedy_.max_tokens = 2;
  Scheduler scheduler(runner_, {});
  scheduler.add(prompt(300, 0), greedy_);
  scheduler.add(prompt(300, 1), greedy_);
  const auto first = scheduler.step();
  EXPECT_EQ(first.prompt_tokens, 336);
  EXPECT_EQ(first.sampled.size(), 1U);
  const auto second = scheduler.step();
  EXPECT_EQ(second.prompt_tokens, 264);
  EXPECT_EQ(second.sampled.size(), 2U);
}

TEST_F(SchedulerTest, EndsAtEndTokensAndLengths) {
  const auto ids = prompt(5, 10);
  const std::vector<std::int32_t> answer = alone(ids);
  const auto run = [&](Scheduler& scheduler, const SamplingParams& params) {
    scheduler.add(ids, params);
    std::vector<Sampled> all;
    while (!scheduler.idle())
      for (const Sampled& sampled : scheduler.step().sampled) all.push_back(sampled);
    return all;
  };
  Scheduler ending(runner_, {answer[0]});
  SamplingParams params = greedy_;
  params.ignore_eos = false;
  auto all = run(ending, params);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].finish, Finish::kStop);
  EXPECT_FALSE(all[0].in_answer);

  all = run(ending, greedy_);  // ignores it
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all.back().finish, Finish::kLength);
  EXPECT_TRUE(all.back().in_answer);

  params = greedy_;
  params.stop_token_ids = {answer[0]};
  all = run(ending, params);
  EXPECT_EQ(all.size(), 1U);

  ModelRunner small(golden_dir() + "/models/qwen2", 8);
  Scheduler full(small, {});
  EXPECT_EQ(run(full, greedy_).size(), 3U);  // 5 + 3 tokens
}

TEST_F(SchedulerTest, WhatCannotRunIsRefused) {
  ModelRunner small(golden_dir() + "/models/qwen2", 8);
  Scheduler scheduler(small, {});
  EXPECT_THROW(scheduler.add({}, greedy_), UsageError);
  EXPECT_THROW(scheduler.add({-1}, greedy_), UsageError);
  EXPECT_THROW(scheduler.add({1 << 30}, greedy_), UsageError);
  EXPECT_THROW(scheduler.add(prompt(8, 0), greedy_), UsageError);
  SamplingParams bad = greedy_;
  bad.top_p = 2;
  EXPECT_THROW(scheduler.add({1}, bad), UsageError);
  EXPECT_TRUE(scheduler.idle());
}

TEST_F(SchedulerTest, LogprobsOfPromptAndAnswer) {
  const auto ids = prompt(100, 3);  // more than one piece
  greedy_.logprobs = 2;
  greedy_.prompt_logprobs = 2;
  Scheduler scheduler(runner_, {});
  scheduler.add(ids, greedy_);
  std::vector<Sampled> all;
  while (!scheduler.idle())
    for (Sampled& sampled : scheduler.step().sampled) all.push_back(std::move(sampled));
  ASSERT_EQ(all.size(), 6U);
  ASSERT_EQ(all[0].prompt_logprobs.size(), 99U);
  EXPECT_TRUE(all[1].prompt_logprobs.empty());
  // The same from the logits of each token.
  const auto vocab = static_cast<std::size_t>(runner_.spec().vocab);
  SequenceCache cache(runner_.spec());
  for (std::size_t t = 0; t < 100; ++t) {
    const SequenceStep step{&cache, std::span(ids).subspan(t, 1)};
    const float* logits = runner_.run({&step, 1});
    std::vector<float> row(logits, logits + vocab);
    log_softmax(row.data(), runner_.spec().vocab);
    const std::int32_t next = t < 99 ? ids[t + 1] : all[0].token;
    const TokenLogprobs& got = t < 99 ? all[0].prompt_logprobs[t] : all[0].logprobs.value();
    const TokenLogprobs want = token_logprobs(row, next, 2);
    EXPECT_EQ(got.token, want.token);
    EXPECT_NEAR(got.logprob, want.logprob, 1e-4);
    ASSERT_EQ(got.top.size(), 2U);
    EXPECT_EQ(got.top[0].first, want.top[0].first);
    EXPECT_GE(got.top[0].second, got.top[1].second);
  }
  EXPECT_EQ(all[0].logprobs->top[0].first, all[0].token);  // greedy
}

TEST_F(SchedulerTest, OnlySoManyRunAtOnce) {
  greedy_.max_tokens = 1;
  Scheduler scheduler(runner_, {}, 2);
  for (int i = 0; i < 5; ++i) scheduler.add(prompt(3, i), greedy_);
  std::vector<std::int64_t> order;
  while (!scheduler.idle()) {
    const auto progress = scheduler.step();
    EXPECT_LE(progress.prompt_tokens, 6);
    for (const Sampled& sampled : progress.sampled) order.push_back(sampled.request);
  }
  EXPECT_EQ(order, (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
}

TEST_F(SchedulerTest, CancelledRequestsLeave) {
  Scheduler scheduler(runner_, {});
  const std::int64_t id = scheduler.add(prompt(3, 1), greedy_);
  scheduler.step();
  scheduler.cancel(id);
  EXPECT_TRUE(scheduler.idle());
  EXPECT_TRUE(scheduler.step().sampled.empty());
}

// The state of delta nets stands for all tokens: a prompt takes it over whole, or not at all.
TEST(SchedulerHybrid, SharedBeginningsGiveTheSameAnswers) {
  ModelRunner runner(std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/qwen3_next");
  SamplingParams greedy;
  greedy.temperature = 0;
  greedy.max_tokens = 4;
  greedy.ignore_eos = true;
  const auto run = [&](Scheduler& scheduler, const std::vector<std::int32_t>& ids) {
    scheduler.add(ids, greedy);
    std::vector<std::int32_t> answer;
    while (!scheduler.idle())
      for (const Sampled& sampled : scheduler.step().sampled) answer.push_back(sampled.token);
    return answer;
  };
  std::vector<std::int32_t> text(60);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<std::int32_t>(i * 37 % 90);
  Scheduler shared(runner, {});
  const std::vector<std::int32_t> first = run(shared, text);
  std::vector<std::int32_t> longer = text;  // goes on behind the answer
  longer.insert(longer.end(), first.begin(), first.end());
  longer.insert(longer.end(), {7, 8});
  std::vector<std::int32_t> other(text.begin(), text.end() - 9);  // leaves before its end
  other.insert(other.end(), {3, 4});
  for (const auto& ids : {longer, other}) {
    Scheduler fresh(runner, {});
    EXPECT_EQ(run(shared, ids), run(fresh, ids));
  }
}

}  // namespace
}  // namespace msmodelslim
