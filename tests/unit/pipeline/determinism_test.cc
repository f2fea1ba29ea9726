// The same bytes for any number of threads and for a second run.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "unit/pipeline/recipes.h"

namespace msmodelslim {
namespace {

class Determinism : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Recipes, Determinism, testing::Values(kRecipe, kLearned, kRotated, kFlat));

class HiddenStates : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Recipes, HiddenStates, testing::Values(kRecipe, kLearned));

TEST_P(HiddenStates, MayLieInAScratchFile) {
  QuantJob job = small_job(GetParam(), {3, 700, 41});
  job.overwrite = true;
  job.held_out = {{1, 2, 3, 4, 5}};
  std::string first;
  for (const std::string& scratch : {std::string(), temp_path("scratch")}) {
    job.scratch = scratch;
    if (!scratch.empty()) fs::create_directories(scratch);
    job.save_path = temp_path("determinism");
    const QuantSummary summary = quantize_model(job);
    const std::string result =
        read_file(job.save_path + "/quant_model_weights-00001-of-00001.safetensors") +
        fmt::format("{}", summary.proof->kl.mean);
    if (scratch.empty()) first = result;
    EXPECT_TRUE(result == first);
    if (!scratch.empty()) {
      EXPECT_TRUE(fs::is_empty(scratch));
    }
  }
}

void expect_same_bytes(QuantJob job) {
  job.overwrite = true;
  std::string first;
  std::string first_description;
  for (int threads : {1, 2, 4, 7, 1}) {
    set_thread_count(threads);
    job.save_path = temp_path("determinism");
    quantize_model(job);
    const std::string weights =
        read_file(job.save_path + "/quant_model_weights-00001-of-00001.safetensors");
    const std::string description = read_file(job.save_path + "/quant_model_description.json");
    if (first.empty()) {
      first = weights;
      first_description = description;
    }
    EXPECT_TRUE(weights == first) << threads << " threads";
    EXPECT_TRUE(description == first_description);
  }
  set_thread_count(available_threads());
}

TEST_P(Determinism, BytesDoNotDependOnTheThreads) {
  expect_same_bytes(small_job(GetParam(), {3, 700, 41}));
}

TEST(DeterminismOfModels, BytesOfDeepSeekV4DoNotDependOnTheThreads) {
  QuantJob job = small_job(kRecipe, {3, 200, 41});
  job.model_path = std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/deepseek_v4";
  job.pedigree = "default";
  for (auto& sample : job.samples)
    for (std::int32_t& id : sample) id %= 32;
  expect_same_bytes(job);
}

TEST(Int8Pass, ChangesStatisticsALittleAndTheSameWayForAnyThreads) {
  QuantJob job = small_job(kRecipe, {3, 90, 41});
  job.overwrite = true;
  job.held_out = {job.samples[1]};
  job.save_path = temp_path("int8_pass");
  const double kl = quantize_model(job).proof->kl.mean;
  const auto weights = [&] {
    return read_file(job.save_path + "/quant_model_weights-00001-of-00001.safetensors");
  };
  const std::string exact = weights();
  job.int8_pass = true;
  std::string first;
  for (int threads : {1, 4}) {
    set_thread_count(threads);
    EXPECT_NEAR(quantize_model(job).proof->kl.mean, kl, 0.2 * kl);
    if (first.empty()) first = weights();
    EXPECT_TRUE(weights() == first);
  }
  EXPECT_FALSE(first == exact);
  set_thread_count(available_threads());
  fs::remove_all(job.save_path);
}

}  // namespace
}  // namespace msmodelslim
