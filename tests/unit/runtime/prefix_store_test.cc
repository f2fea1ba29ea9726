// Later requests take over what earlier and running ones have computed.
#include "runtime/prefix_store.h"

#include <gtest/gtest.h>

#include <numeric>

#include "runtime/scheduler.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using Ids = std::vector<std::int32_t>;

class PrefixTest : public testing::Test {
 protected:
  PrefixTest() : runner_(golden_dir() + "/models/qwen2") {
    params_.temperature = 0;
    params_.max_tokens = 6;
    params_.ignore_eos = true;
  }
  // A system prompt of 40 tokens, then `first`, `first` + 1, ...
  static Ids prompt(std::int32_t first, std::size_t tokens) {
    Ids ids(40 + tokens);
    std::iota(ids.begin(), ids.begin() + 40, 100);
    std::iota(ids.begin() + 40, ids.end(), first);
    return ids;
  }
  SequenceCache run(const Ids& ids) {
    SequenceCache cache(runner_.spec());
    const SequenceStep step{&cache, ids};
    runner_.run({&step, 1});
    return cache;
  }
  struct Answer {
    Ids tokens;
    std::int64_t shared = 0;
    std::int64_t computed = 0;
    std::size_t prompt_logprobs = 0;
  };
  static Answer finish(Scheduler& scheduler) {
    Answer answer;
    while (!scheduler.idle()) {
      const Scheduler::Progress progress = scheduler.step();
      answer.shared += progress.shared_tokens;
      answer.computed += progress.prompt_tokens;
      for (const Sampled& sampled : progress.sampled) {
        answer.tokens.push_back(sampled.token);
        answer.prompt_logprobs += sampled.prompt_logprobs.size();
      }
    }
    return answer;
  }
  Answer alone(const Ids& ids) {
    Scheduler scheduler(runner_, {}, 64, 0);
    scheduler.add(ids, params_);
    return finish(scheduler);
  }

  ModelRunner runner_;
  SamplingParams params_;
};

TEST_F(PrefixTest, ASecondRequestTakesOverTheSystemPrompt) {
  Scheduler scheduler(runner_, {});
  scheduler.add(prompt(10, 5), params_);
  EXPECT_EQ(finish(scheduler).shared, 0);
  const Ids second = prompt(60, 7);
  scheduler.add(second, params_);
  const Answer answer = finish(scheduler);
  EXPECT_EQ(answer.shared, 40);
  EXPECT_EQ(answer.computed, 7);
  EXPECT_EQ(answer.tokens, alone(second).tokens);
}

TEST_F(PrefixTest, AConversationGoesOnWhereItWas) {
  Scheduler scheduler(runner_, {});
  Ids ids = prompt(10, 5);
  scheduler.add(ids, params_);
  const Answer first = finish(scheduler);
  ids.insert(ids.end(), first.tokens.begin(), first.tokens.end());
  ids.push_back(7);
  scheduler.add(ids, params_);
  const Answer second = finish(scheduler);
  EXPECT_EQ(second.shared, 50);  // the last token of an answer is not run
  EXPECT_EQ(second.tokens, alone(ids).tokens);
}

TEST_F(PrefixTest, TheSamePromptAgainIsRunForItsLastToken) {
  Scheduler scheduler(runner_, {});
  const Ids ids = prompt(10, 5);
  scheduler.add(ids, params_);
  finish(scheduler);
  scheduler.add(ids, params_);
  const Answer again = finish(scheduler);
  EXPECT_EQ(again.computed, 1);
  EXPECT_EQ(again.tokens, alone(ids).tokens);
}

TEST_F(PrefixTest, ARunningRequestShares) {
  Scheduler scheduler(runner_, {}, 64, 0);
  scheduler.add(prompt(10, 5), params_);
  scheduler.step();
  scheduler.add(prompt(60, 7), params_);
  EXPECT_EQ(scheduler.step().shared_tokens, 40);
}

TEST_F(PrefixTest, LogprobsOfThePromptNeedAllOfIt) {
  Scheduler scheduler(runner_, {});
  scheduler.add(prompt(10, 5), params_);
  finish(scheduler);
  params_.prompt_logprobs = 0;
  scheduler.add(prompt(60, 7), params_);
  const Answer answer = finish(scheduler);
  EXPECT_EQ(answer.shared, 0);
  EXPECT_EQ(answer.prompt_logprobs, 46U);
}

TEST_F(PrefixTest, TheStoreKeepsWhatWasUsedLast) {
  const SequenceCache one = run(prompt(10, 10));
  PrefixStore store(2 * one.bytes());
  const auto of = [&](std::int32_t first) {
    Ids ids(50);
    std::iota(ids.begin(), ids.end(), first);
    return ids;
  };
  for (const std::int32_t first : {1, 101}) store.keep(of(first), run(of(first)));
  EXPECT_EQ(store.find(of(1)).tokens, 50);  // used
  store.keep(of(201), run(of(201)));        // the other has to go
  EXPECT_EQ(store.find(of(1)).tokens, 50);
  EXPECT_EQ(store.find(of(201)).tokens, 50);
  EXPECT_EQ(store.find(of(101)).cache, nullptr);
  Ids longer = of(1);
  longer.push_back(3);
  PrefixStore other(3 * one.bytes());
  other.keep(of(1), run(of(1)));
  other.keep(longer, run(longer));  // contains the first
  EXPECT_EQ(other.find(longer).tokens, 51);
  PrefixStore none(0);
  none.keep(of(1), run(of(1)));
  EXPECT_EQ(none.find(of(1)).cache, nullptr);
}

}  // namespace
}  // namespace msmodelslim
