#include "cli/analyze_args.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/analyze_report.h"

namespace msmodelslim {
namespace {

using testing::ElementsAre;
using Words = std::vector<std::string>;

TEST(AnalyzeArgs, OlderSpellings) {
  EXPECT_THAT(with_scope({"--metrics", "std"}), ElementsAre("linear", "--metrics", "std"));
  EXPECT_THAT(with_scope({"layer", "--topk", "3"}), ElementsAre("layer", "--topk", "3"));
  EXPECT_THAT(with_scope({"--metrics", " attention_mse"}).front(), "linear");
  EXPECT_THAT(with_scope({"--metrics", "Attention_MSE", "--topk", "2"}),
              ElementsAre("attn", "--metrics", "mse", "--topk", "2"));
  EXPECT_THAT(with_scope({"--metrics=attention_mse", "--pattern", "*a*", "b", "--topk", "2"}),
              ElementsAre("attn", "--metrics=mse", "--topk", "2"));
  EXPECT_THAT(with_scope({"--pattern", "*", "--metrics", "attention_mse"}),
              ElementsAre("attn", "--metrics", "mse"));
  EXPECT_THROW(with_scope({"layers"}), UsageError);
}

TEST(AnalyzeArgs, Defaults) {
  const auto linear = *parse_analyze_args({"--model_path", "m"});
  EXPECT_EQ(linear.scope, AnalyzeScope::kLinear);
  EXPECT_EQ(linear.metric, "kurtosis");
  EXPECT_THAT(linear.patterns, ElementsAre("*"));
  EXPECT_EQ(linear.topk, 15);
  EXPECT_FALSE(linear.calib_dataset);
  EXPECT_EQ(parse_analyze_args({"layer", "m"})->metric, "mse_layer_wise");
  EXPECT_EQ(parse_analyze_args({"attn", "m"})->metric, "mse");
}

TEST(AnalyzeArgs, Options) {
  const auto args = *parse_analyze_args({"layer", "--model_path", "m", "--quant_modules", "*a*",
                                         "*b*", "--metrics", "mse_model_wise", "--device", "npu",
                                         "--trust_remote_code", "True", "--topk", "4"});
  EXPECT_EQ(args.scope, AnalyzeScope::kLayer);
  EXPECT_THAT(args.patterns, ElementsAre("*a*", "*b*"));
  EXPECT_EQ(args.metric, "mse_model_wise");
  EXPECT_EQ(args.topk, 4);
}

TEST(AnalyzeArgs, WrongOnes) {
  for (const Words& words :
       {Words{"linear"}, Words{"linear", "m", "--metrics", "mse"},
        Words{"layer", "m", "--pattern", "*"}, Words{"attn", "m", "--pattern", "*"},
        Words{"linear", "m", "--topk", "0"}, Words{"linear", "m", "--model_path", "n"},
        Words{"linear", "m", "--device", "gpu"}})
    EXPECT_THROW(parse_analyze_args(words), UsageError) << testing::PrintToString(words);
}

TEST(AnalyzeReport, ChecksItsPlaceFirst) {
  EXPECT_EQ(report_stem("scores.json"), "scores");
  EXPECT_EQ(report_stem("./scores"), "./scores");
  EXPECT_THROW(report_stem("/no/such/folder/x"), UsageError);
}

}  // namespace
}  // namespace msmodelslim
