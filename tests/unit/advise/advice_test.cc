#include "advise/advice.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/source.h"
#include "model/build.h"
#include "recipe/recipe.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

using testing::Contains;
using testing::HasSubstr;

class Advice : public testing::Test {
 protected:
  std::vector<std::string> advice(const std::string& process) {
    job_.plan = make_plan(parse_recipe("apiversion: modelslim_v1\nspec:\n  process:\n" + process +
                                           "  save: [{type: ascendv1_saver}]\n",
                                       "r.yaml"));
    return advice_for({&job_, &model_, &summary_, 0.5, float_perplexity_});
  }
  static std::string linear(const std::string& act, const std::string& weight) {
    return "    - {type: linear_quant, qconfig: {act: " + act + ", weight: " + weight + "}}\n";
  }

  const std::string folder_ = golden_dir() + "/models/qwen2";
  const ModelSpec model_ = build_model_spec(ModelConfig::read(folder_), open_source(folder_));
  QuantJob job_;
  QuantSummary summary_;
  std::optional<double> float_perplexity_ = 20;
};

const char* const kStatic = "{dtype: int8, scope: per_tensor, symmetric: true, method: minmax}";
const char* const kToken = "{dtype: int8, scope: per_token, symmetric: true, method: minmax}";
const char* const kWeight = "{dtype: int8, scope: per_channel, symmetric: true, method: minmax}";
const char* const kWeight4 = "{dtype: int4, scope: per_channel, symmetric: true, method: minmax}";

TEST_F(Advice, ABadStart) {
  job_.samples = {{1, 2, 3}, {4, 5}};
  summary_.calibration_tokens = 5;
  summary_.proof.emplace();
  summary_.proof->block_errors = {0.01, 0.4};
  summary_.notes = {{"model.layers.0.mlp.down_proj", "W8A8", {}},
                    {"model.layers.1.mlp.down_proj", "FLOAT", {}}};
  const auto lines = advice(linear(kStatic, kWeight));
  EXPECT_THAT(lines.front(), HasSubstr("suppress outliers"));
  EXPECT_THAT(lines, Contains(HasSubstr("14 of 14 linears have one range for all tokens; "
                                        "symmetric: false, then method: histogram")));
  EXPECT_THAT(lines, Contains(HasSubstr("2 samples with 5 tokens were used; 10 to 50")));
  EXPECT_THAT(lines, Contains(HasSubstr("keep sensitive linears float: all 1 down_proj")));
  EXPECT_THAT(lines, Contains(HasSubstr("model.layers.1 float")).Times(0));  // two blocks
  EXPECT_THAT(lines.back(), HasSubstr("msmodelslim tune"));
}

TEST_F(Advice, OnlyWhatApplies) {
  const auto lines = advice("    - {type: quarot}\n    - {type: iter_smooth, alpha: 0.5}\n" +
                            linear(kToken, kWeight));
  EXPECT_EQ(lines.size(), 1U) << testing::PrintToString(lines);
  const auto smoothed = advice("    - {type: iter_smooth, alpha: 0.5}\n" + linear(kToken, kWeight));
  EXPECT_THAT(smoothed, Contains(HasSubstr("add quarot")));
  EXPECT_THAT(smoothed, Contains(HasSubstr("alpha is 0.5")));
}

TEST_F(Advice, FourBits) {
  for (int i = 0; i < 4; ++i)
    summary_.notes.push_back({fmt::format("l{}", i), "W4A8_DYNAMIC", WeightError{20.0 - i, 0.9}});
  const auto lines = advice("    - {type: quarot}\n" + linear(kToken, kWeight4));
  EXPECT_THAT(lines, Contains(HasSubstr("minmax -> ssz -> gptq")));
  EXPECT_THAT(lines, Contains(HasSubstr("l3 (17.0 dB), l2 (18.0 dB), l1 (19.0 dB)")));
}

TEST_F(Advice, TheFloatModelFirst) {
  float_perplexity_ = 4000;
  EXPECT_THAT(advice(linear(kToken, kWeight)).front(),
              HasSubstr("its own perplexity on this text is 4000"));
}

TEST_F(Advice, OneBlockHurtsMost) {
  ModelSpec deep = model_;
  deep.blocks.resize(8, deep.blocks.front());
  deep.blocks[5].name = "model.layers.5";
  advice(linear(kToken, kWeight));  // makes the plan, before there is a proof of eight blocks
  summary_.proof.emplace();
  summary_.proof->block_errors = {0.01, 0.02, 0.03, 0.04, 0.05, 0.45, 0.46, 0.47};
  EXPECT_THAT(
      advice_for({&job_, &deep, &summary_, 0.5, {}}),
      Contains(HasSubstr("keep model.layers.5 float (--exclude 'model.layers.5.*'): 85 %")));
}

TEST_F(Advice, StarvedExperts) {
  summary_.expert_tokens = {0, 5, 16, 400};
  EXPECT_THAT(advice(linear(kToken, kWeight)), Contains(HasSubstr("2 of 4 experts")));
}

}  // namespace
}  // namespace msmodelslim
