#include "eval/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "eval/perplexity.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class CompareTest : public testing::Test {
 protected:
  CompareTest() {
    options_.float_path = golden_dir() + "/models/qwen2";
    options_.model_path = golden_dir() + "/cases/qwen2-w8a8-static-asym/expected";
    options_.seqlen = 64;
    std::mt19937 generator(3);
    std::uniform_int_distribution<std::int32_t> token(0, 300);
    for (int i = 0; i < 130; ++i) ids_.push_back(token(generator));
  }
  CompareOptions options_;
  std::vector<std::int32_t> ids_;
};

TEST_F(CompareTest, AgreesWithPerplexity) {
  options_.worst = 3;
  const Comparison result = compare_models(options_, ids_);
  const PerplexityResult plain =
      evaluate_perplexity({{options_.model_path}, options_.float_path, 64, 0}, ids_).front();
  EXPECT_EQ(result.predictions, plain.predictions);
  EXPECT_DOUBLE_EQ(result.mean_kl.mean, plain.kl->mean);
  EXPECT_DOUBLE_EQ(result.perplexity, plain.perplexity);
  EXPECT_DOUBLE_EQ(result.float_perplexity, *plain.float_perplexity);
  EXPECT_DOUBLE_EQ(result.top1.mean, *plain.top1_agreement);
  EXPECT_GE(result.top5.mean, 0.2 * result.top1.mean);
  ASSERT_EQ(result.worst.size(), 3U);
  EXPECT_EQ(result.worst[0].kl, result.kl.back());
  EXPECT_GE(result.worst[0].kl, result.worst[1].kl);
  const WorstToken& worst = result.worst[0];
  EXPECT_EQ(worst.next, ids_[static_cast<std::size_t>(worst.window * 64 + worst.position)]);
  ASSERT_EQ(result.blocks.size(), 2U);
  for (const BlockDistance& block : result.blocks) {
    EXPECT_GT(block.error, 0);
    EXPECT_LT(block.error, 1);
    EXPECT_NEAR(block.snr, -20 * std::log10(block.error), 1e-9);
    EXPECT_GT(block.cosine, 0.5);
  }
  const Json json = result.json();
  EXPECT_EQ(json["worst"].size(), 3U);
  EXPECT_EQ(json["kl_percentiles"]["50"], percentile(result.kl, 50));
}

TEST_F(CompareTest, AModelAndItselfAreEqual) {
  options_.model_path = options_.float_path;
  const Comparison result = compare_models(options_, ids_);
  EXPECT_EQ(result.mean_kl.mean, 0);
  EXPECT_EQ(result.top1.mean, 1);
  EXPECT_EQ(result.top5.mean, 1);
  EXPECT_EQ(result.blocks[1].error, 0);
  EXPECT_NEAR(result.blocks[1].cosine, 1, 1e-12);
  EXPECT_STREQ(result.verdict(), "excellent");
}

TEST_F(CompareTest, OtherModelsAreRefused) {
  options_.float_path = golden_dir() + "/models/llama";
  if (!std::filesystem::exists(options_.float_path)) GTEST_SKIP() << "needs the shared golden set";
  EXPECT_THROW(compare_models(options_, ids_), DataError);
}

TEST(Percentile, LiesBetweenValues) {
  const std::vector<double> values = {1, 2, 4, 8};
  EXPECT_EQ(percentile(values, 0), 1);
  EXPECT_EQ(percentile(values, 50), 3);
  EXPECT_EQ(percentile(values, 100), 8);
  EXPECT_NEAR(percentile(values, 90), 6.8, 1e-12);
  EXPECT_EQ(percentile(std::vector<double>{5}, 99), 5);
}

}  // namespace
}  // namespace msmodelslim
