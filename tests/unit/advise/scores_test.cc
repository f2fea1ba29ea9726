// Scores of small models against what they mean.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "advise/alone_scores.h"
#include "advise/attention_scores.h"
#include "advise/linear_scores.h"
#include "advise/probe.h"
#include "base/error.h"
#include "pipeline/read_samples.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

std::vector<std::vector<std::int32_t>> random_samples(const std::vector<std::size_t>& lengths,
                                                      std::int32_t last_token) {
  std::mt19937 generator(11);
  std::uniform_int_distribution<std::int32_t> token(0, last_token);
  std::vector<std::vector<std::int32_t>> samples;
  for (const std::size_t length : lengths) {
    samples.emplace_back(length);
    for (std::int32_t& id : samples.back()) id = token(generator);
  }
  return samples;
}

LayerOptions options_for(const std::string& model, const char* kind) {
  return {golden_dir() + "/models/" + model, random_samples({40, 17, 33}, 300),
          probe_step(quant_kind(kind), {"*"}), true};
}

std::map<std::string, double> by_name(const std::vector<LayerScore>& scores) {
  std::map<std::string, double> values;
  for (const LayerScore& score : scores) values[score.name] = score.score;
  return values;
}

TEST(Scores, BehindTheLastLayerBothMseAreOne) {
  const LayerOptions options = options_for("qwen2", "mxfp4");
  const auto own = by_name(score_layers_by_output(options));
  const auto whole = by_name(score_layers_alone(options, Loss::kMse));
  ASSERT_EQ(own.size(), 2U);
  EXPECT_NEAR(own.at("model.layers.1"), whole.at("model.layers.1"),
              1e-5 * whole.at("model.layers.1"));
  EXPECT_GT(own.at("model.layers.0"), 0);
}

TEST(Scores, FinerTypesLoseLess) {
  const auto fine = score_layers_alone(options_for("qwen2", "w8a8"), Loss::kKl);
  const auto coarse = score_layers_alone(options_for("qwen2", "mxfp4"), Loss::kKl);
  ASSERT_EQ(fine.size(), coarse.size());
  for (std::size_t i = 0; i < fine.size(); ++i) {
    EXPECT_GT(fine[i].score, 0);
    EXPECT_GT(fine[i].error, 0);
    EXPECT_LT(fine[i].score, coarse[i].score);
  }
}

TEST(Scores, FusedLinearsShareAScoreAndPatternsChoose) {
  const LayerOptions options = options_for("qwen3", "mxfp4");
  const auto all = by_name(score_linears_alone(options, {"*"}, Loss::kKl));
  EXPECT_EQ(all.size(), 14U);
  EXPECT_EQ(all.at("model.layers.0.self_attn.q_proj"), all.at("model.layers.0.self_attn.v_proj"));
  EXPECT_NE(all.at("model.layers.0.self_attn.q_proj"), all.at("model.layers.0.self_attn.o_proj"));
  const auto some = by_name(score_linears_alone(options, {"*down_proj"}, Loss::kKl));
  ASSERT_EQ(some.size(), 2U);
  EXPECT_EQ(some.at("model.layers.1.mlp.down_proj"), all.at("model.layers.1.mlp.down_proj"));
  EXPECT_THROW(score_linears_alone(options, {"nothing*"}, Loss::kKl), UsageError);
}

TEST(Scores, ExpertsGoTogether) {
  ModelWalk walk(std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/qwen3_moe");
  std::vector<std::string> names;
  for (const LinearSet& set : linear_sets(walk.model().blocks[0])) names.push_back(set.name);
  EXPECT_THAT(names, testing::Contains("model.layers.0.mlp.experts.*.down_proj"));
  EXPECT_THAT(names, testing::SizeIs(testing::Le(6)));
}

TEST(Scores, EveryLinearHasOneAlsoInNextTokenLayers) {
  const std::string model =
      std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/deepseek_v3";
  const auto scores =
      score_linears(model, random_samples({30, 21}, 60), ActivationMetric::kStd, {}, true);
  ModelWalk walk(model);
  EXPECT_EQ(scores.size(), walk.model().linears().size());
}

TEST(Scores, AttentionOfBothKinds) {
  for (const char* model : {"/models/qwen3", "/tiny/deepseek_v3"}) {
    const std::string path = std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data" + model;
    const auto scores = score_attention(path, random_samples({30, 21}, 60), true);
    EXPECT_GE(scores.size(), 2U);
    for (const LayerScore& score : scores) {
      EXPECT_TRUE(score.name.ends_with(".self_attn"));
      EXPECT_GT(score.score, 0) << score.name;
    }
  }
}

TEST(Scores, ShortPiecesAreSpreadOverTheSet) {
  const auto samples = random_samples({100, 1, 50, 200, 300}, 9);
  const auto pieces = spread_pieces(samples, 256, 128);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[0], samples[0]);
  EXPECT_EQ(pieces[1].size(), 128U);
  EXPECT_THROW(spread_pieces(random_samples({1, 1}, 9), 256, 128), DataError);
}

// A layer of LongCat is two blocks.
TEST(Scores, BlocksOfOneLayerAreOneEntry) {
  LayerOptions options = options_for("qwen2", "w8a8");
  options.model_path =
      std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/longcat_flash";
  options.samples = random_samples({20, 9}, 31);
  for (const std::vector<LayerScore>& scores :
       {score_layers_by_output(options), score_layers_alone(options, Loss::kMse),
        score_layers_alone(options, Loss::kKl)}) {
    std::vector<std::string> names;
    for (const LayerScore& score : scores) {
      names.push_back(score.name);
      EXPECT_GT(score.score, 0);
    }
    EXPECT_THAT(names, testing::ElementsAre("model.layers.0", "model.layers.1"));
  }
}

}  // namespace
}  // namespace msmodelslim
