#include "eval/task_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "eval/choice_scorer.h"
#include "kernels/log_softmax.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class TaskRunTest : public testing::Test {
 protected:
  TaskRunTest() : folder_(golden_dir() + "/models/qwen2") {
    options_.model_path = folder_;
    options_.data =
        write("q.jsonl",
              "{\"passage\": \"It rains.\", \"question\": \"is it wet\", \"answer\": true}\n"
              "{\"passage\": \"It is dry.\", \"question\": \"is it wet\", \"answer\": false}\n"
              "{\"passage\": \"Who knows.\", \"question\": \"is it wet\", \"answer\": false}\n");
  }
  ~TaskRunTest() override { fs::remove_all(temp_path("task_run")); }
  static std::string write(const std::string& name, const std::string& text) {
    fs::create_directories(temp_path("task_run"));
    const std::string path = temp_path("task_run") + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  std::string folder_;
  TaskOptions options_;
};

TEST_F(TaskRunTest, LikelihoodsAreThoseOfTheWholeText) {
  const Tokenizer tokenizer = Tokenizer::load(folder_);
  ModelRunner runner(folder_);
  const std::string context = "Hello, my name is ";
  const auto scores =
      ChoiceScorer(runner, tokenizer).score({{context, {" Ada", " nobody at all", " Ada Ada"}}});
  ASSERT_EQ(scores[0].size(), 3U);
  for (std::size_t c = 0; c < 3; ++c) {
    const std::string text = "Hello, my name is ";
    const auto prefix = tokenizer.encode("Hello, my name is", true);
    const auto whole = tokenizer.encode(
        text + std::vector<std::string>{" Ada", " nobody at all", " Ada Ada"}[c], true);
    SequenceCache cache(runner.spec());
    const SequenceStep step{&cache, whole, static_cast<std::int64_t>(whole.size())};
    const float* logits = runner.run({&step, 1});
    const auto vocab = static_cast<std::size_t>(runner.spec().vocab);
    double sum = 0;
    for (std::size_t t = prefix.size(); t < whole.size(); ++t) {
      std::vector<float> row(logits + (t - 1) * vocab, logits + t * vocab);
      log_softmax(row.data(), runner.spec().vocab);
      sum += row[static_cast<std::size_t>(whole[t])];
    }
    EXPECT_NEAR(scores[0][c].log, sum, 1e-4) << c;
  }
}

TEST_F(TaskRunTest, LongContextsLoseTheirBeginning) {
  const Tokenizer tokenizer = Tokenizer::load(folder_);
  ModelRunner whole(folder_);
  ModelRunner small(folder_, 6);
  const auto score = [&](ModelRunner& runner, const std::string& context) {
    return ChoiceScorer(runner, tokenizer).score({{context, {" a"}}})[0][0].log;
  };
  std::string text;
  for (int i = 0; i < 20; ++i) text += " b c";
  const auto ids = tokenizer.encode(text, true);
  const std::string end = tokenizer.decode(std::span(ids).last(6), false);
  ASSERT_EQ(tokenizer.encode(end, true).size(), 6U);
  EXPECT_NEAR(score(small, text), score(whole, end), 1e-5);
  EXPECT_GT(std::abs(score(whole, text) - score(whole, end)), 1e-4);
}

TEST_F(TaskRunTest, ScoresAndCompares) {
  const Task task = find_task("boolq").value();
  const TaskResult result = run_task(task, options_);
  ASSERT_EQ(result.metrics.size(), 2U);
  ASSERT_EQ(result.metrics[0].values.size(), 3U);
  const Json json = result.json();
  EXPECT_EQ(json["questions"], 3);
  EXPECT_EQ(json["items"].size(), 3U);
  const auto same = compare_runs(json, result);
  EXPECT_EQ(same[0].difference.mean, 0);
  Json other = json;
  other["items"][0]["acc"] = 1 - other["items"][0]["acc"].get<double>();
  const auto changed = compare_runs(other, result);
  EXPECT_EQ(changed[0].better + changed[0].worse, 1);
  EXPECT_NEAR(std::abs(changed[0].difference.mean), 1.0 / 3, 1e-12);
  other["task"] = "mmlu";
  EXPECT_THROW(compare_runs(other, result), DataError);
  options_.limit = 2;
  EXPECT_THROW(compare_runs(json, run_task(task, options_)), DataError);
}

TEST_F(TaskRunTest, ExamplesStandBeforeTheQuestion) {
  const Task task = find_task("boolq").value();
  options_.shots = 1;
  EXPECT_THROW(run_task(task, options_), UsageError);
  options_.examples = options_.data;  // each question but itself
  EXPECT_EQ(run_task(task, options_).shots, 1);
  options_.shots = 3;
  EXPECT_THROW(run_task(task, options_), DataError);
}

TEST_F(TaskRunTest, AnswersAreGenerated) {
  options_.data = write("g.jsonl", "{\"question\": \"1 + 1?\", \"answer\": \"two\\n#### 2\"}\n");
  options_.shots = 0;
  const TaskResult result = run_task(find_task("gsm8k").value(), options_);
  EXPECT_EQ(result.metrics[0].name, "exact_match,strict");
  EXPECT_TRUE(result.items[0].contains("text"));
}

TEST_F(TaskRunTest, QuestionsTooLongForTheModelLoseTheirBeginning) {
  std::string question;
  for (int i = 0; i < 400; ++i) question += "and one more ";
  options_.data =
      write("g.jsonl", "{\"question\": \"" + question + "\", \"answer\": \"two\\n#### 2\"}\n");
  options_.shots = 0;
  options_.max_model_len = 300;
  EXPECT_TRUE(run_task(find_task("gsm8k").value(), options_).items[0].contains("text"));
}

}  // namespace
}  // namespace msmodelslim
