#include "pipeline/memory_plan.h"

#include <gmock/gmock.h>

#include "checkpoint/source.h"
#include "model/build.h"
#include "rank_world.h"
#include "unit/pipeline/recipes.h"

namespace msmodelslim {
namespace {

class MemoryPlanTest : public testing::Test {
 protected:
  MemoryPlan plan_of(const QuantJob& job) {
    return plan_memory(
        job, build_model_spec(ModelConfig::read(job.model_path), open_source(job.model_path)));
  }
  static std::uint64_t bytes_of(const MemoryPlan& plan, const std::string& name) {
    for (const MemoryItem& item : plan.items)
      if (item.name == name) return item.bytes;
    return 0;
  }
};

TEST_F(MemoryPlanTest, HiddenStatesGrowWithTheSamples) {
  const MemoryPlan one = plan_of(small_job(kRecipe, {100}));
  const MemoryPlan two = plan_of(small_job(kRecipe, {100, 100}));
  EXPECT_GT(one.states, 0U);
  EXPECT_EQ(two.states, 2 * one.states);
  EXPECT_EQ(one.needed(false) - one.needed(true), one.states);
}

TEST_F(MemoryPlanTest, ActivationsStopGrowingAtAChunk) {
  const MemoryPlan one = plan_of(small_job(kRecipe, {1024, 1024}));
  const MemoryPlan two = plan_of(small_job(kRecipe, {1024, 1024, 1024, 1024}));
  EXPECT_EQ(bytes_of(one, "activations"), bytes_of(two, "activations"));
  const MemoryPlan longer = plan_of(small_job(kRecipe, {2048}));
  EXPECT_EQ(bytes_of(longer, "activations"), 2 * bytes_of(one, "activations"));
}

TEST_F(MemoryPlanTest, ARankHoldsItsShareOfTheStatesAndItsOwnChunks) {
  const std::vector<int> lengths(8, 512);
  const MemoryPlan alone = plan_of(small_job(kRecipe, lengths));
  EXPECT_EQ(bytes_of(alone, "samples shared out"), 0U);
  RankWorld(2).run([&](Ranks& ranks) {
    QuantJob job = small_job(kRecipe, lengths);
    job.ranks = &ranks;
    const MemoryPlan shared = plan_of(job);
    EXPECT_EQ(shared.states, alone.states / 2);
    EXPECT_GT(bytes_of(shared, "samples shared out"), 0U);
    job.plan = small_job(kLearned, {}).plan;  // every rank has all samples
    EXPECT_EQ(bytes_of(plan_of(job), "samples shared out"), 0U);
  });
}

// A bit for each pair of tokens of a sample, once for calibration and twice for held-out text; six
// tokens are all looked at.
TEST_F(MemoryPlanTest, CountsTheChoicesThatBlocksShare) {
  const auto choices = [&](const char* model, const std::vector<int>& lengths) {
    QuantJob job = small_job(kRecipe, lengths);
    job.model_path = std::string(MSMODELSLIM_SOURCE_DIR) + "/tests/golden/data/tiny/" + model;
    job.held_out = {job.samples.front()};
    return bytes_of(plan_of(job), "choices of indexers");
  };
  EXPECT_EQ(choices("glm_moe_dsa_shared", {80}), 3U * 80 * 80 / 8);
  EXPECT_EQ(choices("glm_moe_dsa_shared", {80, 40}), (3U * 80 * 80 + 40 * 40) / 8);
  EXPECT_EQ(choices("glm_moe_dsa_shared", {6}), 0U);
  EXPECT_EQ(choices("glm_moe_dsa", {80}), 0U);
}

TEST_F(MemoryPlanTest, NamesWhatARecipeAdds) {
  EXPECT_GT(bytes_of(plan_of(small_job(kLearned, {100})), "learning"), 0U);
  EXPECT_GT(bytes_of(plan_of(small_job(kRotated, {100})), "gptq"), 0U);
  EXPECT_GT(bytes_of(plan_of(small_job(kRecipe, {100})), "search of scales"), 0U);
  EXPECT_EQ(bytes_of(plan_of(small_job(kRecipe, {100})), "gptq"), 0U);
}

constexpr const char* kSparse = R"(
apiversion: modelslim_v1
spec:
  process: [{type: float_sparse}]
  save: [{type: ascendv1_saver}]
)";

// Sums of the inputs of q, o, gate and down; two matrices of the widest input.
TEST_F(MemoryPlanTest, CountsTheSumsOfFloatSparse) {
  const QuantJob job = small_job(kSparse, {100});
  const ModelSpec model =
      build_model_spec(ModelConfig::read(job.model_path), open_source(job.model_path));
  const auto square = [](const LinearSpec& linear) {
    return static_cast<std::uint64_t>(linear.in * linear.in) * sizeof(float);
  };
  const BlockSpec& block = model.blocks.front();
  std::uint64_t widest = 0;
  for (const LinearSpec* linear : block.linears()) widest = std::max(widest, square(*linear));
  EXPECT_GE(bytes_of(plan_of(job), "float_sparse"), 2 * widest + 2 * square(*block.linears()[0]));
  EXPECT_EQ(bytes_of(plan_of(small_job(kRecipe, {100})), "float_sparse"), 0U);
}

// bfloat16 and float16 are rounded alike, but only the first is packed: kept, and in a product.
TEST_F(MemoryPlanTest, CountsTheWeightsThatAPassPacks) {
  const QuantJob job = small_job(kRecipe, {100});
  ModelSpec model =
      build_model_spec(ModelConfig::read(job.model_path), open_source(job.model_path));
  const auto weights = [&](DType dtype) {
    model.dtype = dtype;
    return bytes_of(plan_memory(job, model), "weights of a block");
  };
  std::uint64_t packed = 0;
  for (const LinearSpec* linear : model.blocks.front().linears())
    packed += 2 * static_cast<std::uint64_t>(linear->in * linear->out);
  EXPECT_EQ(weights(DType::kBF16), weights(DType::kF16) + 2 * packed);
}

TEST_F(MemoryPlanTest, ASearchHoldsNoMoreRowsThanThereAre) {
  const auto search = [&](const std::vector<int>& lengths) {
    return bytes_of(plan_of(small_job(kRecipe, lengths)), "search of scales");
  };
  EXPECT_LT(search({100}), search({1000}));
  EXPECT_EQ(search({2048, 2048}), search({2048, 2048, 2048}));  // search_rows of them
}

}  // namespace
}  // namespace msmodelslim
