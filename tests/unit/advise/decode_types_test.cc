// A folder of every kind of weight gives the same logits token by token, where weights are made row
// by row or read as codes, as for many tokens at once.
#include <gtest/gtest.h>

#include <cmath>

#include "base/files.h"
#include "runtime/runner.h"
#include "unit/pipeline/recipes.h"

namespace msmodelslim {
namespace {

class DecodeTypes : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  const std::string folder_ = temp_path("decode_types");
};

TEST_P(DecodeTypes, TokenByTokenAndAtOnce) {
  QuantJob job = small_job(kRecipe, {20});
  job.plan = make_plan(
      read_recipe(std::string(MSMODELSLIM_SOURCE_DIR) + "/bench/recipes/" + GetParam() + ".yaml"));
  job.exclude = {"*.down_proj"};  // its 160 inputs are no whole groups
  job.save_path = folder_;
  quantize_model(job);
  const std::vector<std::int32_t>& ids = job.samples[0];
  ModelRunner runner(folder_);
  const std::int64_t vocab = runner.spec().vocab;
  SequenceCache together = runner.new_cache();
  const SequenceStep whole{&together, ids};
  const float* logits = runner.run({&whole, 1});
  const std::vector<float> want(logits, logits + vocab);
  SequenceCache single = runner.new_cache();
  for (std::size_t t = 0; t < ids.size(); ++t) {
    const SequenceStep step{&single, std::span(ids).subspan(t, 1)};
    logits = runner.run({&step, 1});
  }
  double error = 0;
  double size = 0;
  for (std::int64_t i = 0; i < vocab; ++i) {
    error += std::pow(logits[i] - want[static_cast<std::size_t>(i)], 2);
    size += std::pow(want[static_cast<std::size_t>(i)], 2);
  }
  EXPECT_LT(std::sqrt(error / size), 2e-3);
}

INSTANTIATE_TEST_SUITE_P(Recipes, DecodeTypes,
                         testing::Values("fp8", "mxfp8", "mxfp4", "w4a8-mx", "w4a16-minmax",
                                         "w8a16", "w4a8-minmax", "w8a8-dynamic",
                                         "w8a8-dynamic-c8"));

TEST(Int8Cache, TakesOneByteAValue) {
  const std::string folder = temp_path("int8_cache");
  fs::remove_all(folder);
  QuantJob job = small_job(kRecipe, {20});
  job.plan = make_plan(
      read_recipe(std::string(MSMODELSLIM_SOURCE_DIR) + "/bench/recipes/w8a8-dynamic-c8.yaml"));
  job.save_path = folder;
  quantize_model(job);
  ModelRunner runner(folder);
  SequenceCache codes = runner.new_cache();
  SequenceCache floats(runner.spec());
  for (SequenceCache* cache : {&codes, &floats}) {
    const SequenceStep step{cache, job.samples[0]};
    runner.run({&step, 1});
  }
  EXPECT_EQ(floats.bytes(), 4 * codes.bytes());
  fs::remove_all(folder);
}

}  // namespace
}  // namespace msmodelslim
