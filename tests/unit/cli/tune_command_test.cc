// tune from the command line on a small model.
#include "cli/tune_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "cli/tune_args.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using Words = std::vector<std::string>;

TEST(TuneArgs, Defaults) {
  const auto args = *parse_tune_args({"m", "--save_path", "s", "--timeout", "1H30M"});
  EXPECT_EQ(args.model_path, "m");
  EXPECT_EQ(args.timeout, 5400);
  EXPECT_EQ(args.max_trials, 30);
  EXPECT_THAT(args.types, testing::ElementsAre("w4a8", "w8a8", "float"));
}

TEST(TuneArgs, WrongOnes) {
  for (const Words& words :
       {Words{"m"}, Words{"--save_path", "s"}, Words{"m", "--save_path", "s", "--timeout", "3h"},
        Words{"m", "--save_path", "s", "--config", "p", "--start", "r"},
        Words{"m", "--save_path", "s", "--target_bits", "6", "--max_kl", "1"},
        Words{"m", "--save_path", "s", "--types", "w8a8"},
        Words{"m", "--save_path", "s", "--target_bits", "6", "--types", "w3a3"},
        Words{"m", "--save_path", "s", "--target_bits", "0"},
        Words{"m", "--save_path", "s", "--device", "gpu"}})
    EXPECT_THROW(parse_tune_args(words), UsageError) << testing::PrintToString(words);
}

class TuneCommand : public testing::Test {
 protected:
  TuneCommand() {
    write_file_atomic(text_, std::string(600, 'a') + " the capital of France is Paris. " +
                                 std::string(300, 'b') + " and so on, one two three four five.");
  }
  ~TuneCommand() override {
    fs::remove_all(out_);
    fs::remove_all(repository_);
    fs::remove(text_);
    fs::remove(plan_);
  }
  int tune(Words words) {
    words.insert(words.end(), {"--model_path", golden_dir() + "/models/qwen3", "--save_path", out_,
                               "--eval_text", text_, "--calib_tokens", "128", "--calib_dataset",
                               "boolq.jsonl", "--part_tokens", "64"});
    testing::internal::CaptureStdout();
    int code = -1;
    try {
      code = run_tune(words);
    } catch (...) {
      testing::internal::GetCapturedStdout();
      throw;
    }
    printed_ = testing::internal::GetCapturedStdout();
    return code;
  }
  int with_plan(const std::string& plan, Words words = {}) {
    write_file_atomic(plan_, plan);
    words.insert(words.end(), {"--config", plan_});
    return tune(words);
  }
  Json report() const { return read_json_file(out_ + "/tune_report.json"); }
  Json trial_of(const std::string& config_id) const {
    const Json json = report();
    for (const Json& trial : json.at("trials"))
      if (trial.at("config_id") == config_id) return trial;
    return nullptr;
  }
  std::size_t known() const {
    std::size_t count = 0;
    const Json json = report();
    for (const Json& trial : json.at("trials")) count += trial.at("cached").get<bool>() ? 1 : 0;
    return count;
  }

  const std::string out_ = temp_path("tune");
  const std::string repository_ = temp_path("tune_repository");
  const std::string text_ = temp_path("tune.txt");
  const std::string plan_ = temp_path("tune.yaml");
  std::string printed_;
};

std::string standing_high(const std::string& target) {
  return "strategy: {type: standing_high, anti_outlier_strategies: [[], [{type: iter_smooth}]]}\n"
         "evaluation: {demand: {expectations: [{dataset: kl, target: " +
         target + ", tolerance: 0}]}}\n";
}

TEST_F(TuneCommand, WithoutAPlanFindsABetterRecipe) {
  EXPECT_EQ(tune({"--max_trials", "3"}), 0);
  const Json json = report();
  EXPECT_EQ(json.at("trials").size(), 3U);
  double least = 1e9;
  for (const Json& trial : json.at("trials"))
    least = std::min(least, trial.at("figures").at("kl").get<double>());
  const std::string id = json.at("final");
  EXPECT_EQ(trial_of(id).at("figures").at("kl").get<double>(), least);
  EXPECT_NO_THROW(make_plan(read_recipe(out_ + "/final_recipe.yaml")));
  EXPECT_TRUE(fs::exists(out_ + "/quant_model/config.json"));
  EXPECT_TRUE(fs::exists(out_ + "/history/" + id + ".yaml"));
  EXPECT_THAT(printed_, testing::HasSubstr("KL"));
}

TEST_F(TuneCommand, APlanIsMetStoredAndKnownAgain) {
  ::setenv("MSMODELSLIM_CUSTOM_PRACTICE_REPO", repository_.c_str(), 1);
  EXPECT_EQ(with_plan(standing_high("100")), 0);
  EXPECT_EQ(report().at("trials").size(), 1U);
  EXPECT_EQ(known(), 0U);
  EXPECT_TRUE(fs::exists(repository_ + "/default/standing_high_0.yaml"));
  EXPECT_EQ(with_plan(standing_high("100")), 0);
  EXPECT_EQ(known(), 1U);
  EXPECT_TRUE(fs::exists(repository_ + "/default/standing_high_0_2.yaml"));
  ::unsetenv("MSMODELSLIM_CUSTOM_PRACTICE_REPO");
}

TEST_F(TuneCommand, AnUnreachableDemandIsExitCode1) {
  EXPECT_EQ(with_plan(standing_high("1e-9"), {"--max_trials", "2"}), 1);
  EXPECT_FALSE(report().at("satisfied").get<bool>());
  EXPECT_TRUE(fs::exists(out_ + "/quant_model/config.json"));
}

TEST_F(TuneCommand, WhatIsRefusedLeavesNoFolder) {
  EXPECT_THROW(tune({"--target_bits", "1"}), UsageError);
  EXPECT_FALSE(fs::exists(out_));
}

TEST_F(TuneCommand, WithoutTimeNothingIsTried) {
  EXPECT_THROW(with_plan(standing_high("1"), {"--timeout", "0S"}), ResourceError);
}

TEST_F(TuneCommand, AFailedEvaluationIsNotRemembered) {
  const std::string plan =
      "strategy: {type: standing_high, anti_outlier_strategies: [[]]}\n"
      "evaluation: {demand: {expectations: [{dataset: mine, target: 1, tolerance: 0}]}, "
      "evaluation: "
      "{type: command, command: 'exit 1'}}\n";
  EXPECT_THROW(with_plan(plan), DataError);
  EXPECT_FALSE(fs::exists(out_ + "/history/accuracy.yaml"));
}

TEST_F(TuneCommand, MixesTypes) {
  EXPECT_EQ(tune({"--target_bits", "6.5"}), 0);
  const Json mix = report().at("mix");
  EXPECT_EQ(mix.at("parts").size(), 8U);
  EXPECT_GE(mix.at("trials").size(), 2U);
  EXPECT_THAT(printed_, testing::HasSubstr("bits a weight"));
  const std::string id = report().at("final");
  for (const Json& trial : mix.at("trials")) {
    if (trial.at("config_id") != id) continue;
    EXPECT_LE(trial.at("bits").get<double>(), 6.5);
  }
}

}  // namespace
}  // namespace msmodelslim
