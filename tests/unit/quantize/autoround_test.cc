// Worked example T-26 of the quantizers reference, torch's order of samples, and the promise that
// learning never ends behind its start.
#include "quantize/autoround.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/error.h"
#include "model/build.h"
#include "quantize/linear_quantizer.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

TEST(BestLoss, T26) {
  BestLoss best;
  const std::vector<double> losses = {1, .9, 1.2, .7, .6, .65};
  const std::vector<bool> kept = {true, true, false, true, true, true};
  const std::vector<double> after = {1, .985, .985, .9745, .94615, .905305};
  for (std::size_t i = 0; i < losses.size(); ++i) {
    EXPECT_EQ(best.improves(losses[i]), kept[i]) << i;
    EXPECT_NEAR(best.best(), after[i], 1e-9) << i;
  }
  EXPECT_FALSE(best.improves(std::nan("")));
}

// torch.manual_seed(42); torch.randperm(10) -> [2, 6, 1, 8, 4, 5, 0, 9, 3, 7]
TEST(SampleOrder, IsTorchs) {
  using Indices = std::vector<std::size_t>;
  EXPECT_EQ(SampleOrder(42).draw(10, 4), (Indices{1, 2, 6, 8}));
  EXPECT_EQ(SampleOrder(42).draw(10, 1), (Indices{2}));
  EXPECT_EQ(SampleOrder(1).draw(3, 8), (Indices{0, 1, 2}));
  EXPECT_EQ(SampleOrder(1).draw(1, 8), (Indices{0}));
  SampleOrder order(42);
  EXPECT_NE(order.draw(100, 8), order.draw(100, 8));
}

class LearnRounding : public testing::Test {
 protected:
  LearnRounding()
      : checkpoint_(golden_dir() + "/models/qwen3"),
        model_(build_model_spec(ModelConfig::read(golden_dir() + "/models/qwen3"), checkpoint_)),
        block_(model_.blocks[0], checkpoint_),
        rope_(model_.rope, 64) {
    std::mt19937 generator(3);
    std::uniform_int_distribution<std::int32_t> token(0, 300);
    std::vector<std::vector<std::int32_t>> samples;
    for (std::size_t length : {11, 1, 40, 23, 9, 17, 30, 5, 12, 64, 2}) {
      std::vector<std::int32_t>& ids = samples.emplace_back();
      while (ids.size() < length) ids.push_back(token(generator));
    }
    inputs_ = embed_samples(model_, checkpoint_, samples);
    targets_ = inputs_;
    FloatLinearOp op(DType::kF32);
    run_block_on(model_, block_, targets_, true, rope_, op, {}, workspace_);
  }

  // `pace` over the number of iterations is the first step.
  AutoroundResult learn(int iters, double pace, LearnedRounding rounding,
                        const std::vector<Linear*>& linears) {
    rounding.rate = pace / iters;
    learned_.clear();
    for (Linear* linear : linears)
      learned_[linear->name()] = std::make_unique<LearnedLinear>(rounding, *linear, DType::kF32);
    AutoroundJob job;
    job.data = {&model_, &block_, &inputs_, &targets_, &rope_};
    job.learned = &learned_;
    job.done = &done_;
    job.iters = iters;
    job.squared_loss = squared_loss_;
    SampleOrder order(42);
    return learn_rounding(job, order);
  }

  CheckpointReader checkpoint_;
  ModelSpec model_;
  Block block_;
  RopeTable rope_;
  Workspace workspace_;
  PackedStates inputs_, targets_;
  bool squared_loss_ = false;
  std::map<std::string, std::unique_ptr<LearnedLinear>> learned_;
  std::map<std::string, QuantizedLinear> done_;
};

TEST_F(LearnRounding, LowersTheLossOfWeightsInGroups) {
  LearnedRounding rounding;
  rounding.group_size = 32;
  const AutoroundResult result = learn(16, 1, rounding, block_.linears());
  ASSERT_EQ(result.losses.size(), 16U);
  EXPECT_GT(result.best, 0);
  EXPECT_LT(result.losses[static_cast<std::size_t>(result.best)], 0.95 * result.losses[0]);
}

TEST_F(LearnRounding, LowersTheSquaredLossOfFullRangeWeights) {
  LearnedRounding rounding;
  rounding.group_size = 32;
  rounding.full_range = true;
  squared_loss_ = true;
  const AutoroundResult result = learn(16, 1, rounding, block_.linears());
  EXPECT_GT(result.best, 0);
  EXPECT_LT(result.losses[static_cast<std::size_t>(result.best)], 0.9 * result.losses[0]);
}

TEST_F(LearnRounding, KeepsTheStartWhenNothingIsBetter) {
  LearnedRounding rounding;  // int8 with steps as long as one code: only harm
  rounding.bits = 8;
  const AutoroundResult result = learn(5, 5, rounding, block_.linears());
  EXPECT_EQ(result.best, 0);
  for (auto& [name, linear] : learned_) {
    QuantizedLinear kept;
    QuantizedLinear start;
    std::move(*linear).finish(kept);
    for (Linear* l : block_.linears())
      if (l->name() == name) std::move(LearnedLinear(rounding, *l, DType::kF32)).finish(start);
    EXPECT_EQ(kept.weight_scale, start.weight_scale) << name;
  }
}

TEST_F(LearnRounding, NeighboursMayBeQuantizedAlready) {
  LinearConfig config;
  config.type = LinearType::kW8A8Dynamic;
  for (Linear* linear : {&block_.down, &block_.o})
    done_[linear->name()] = LinearQuantizer(config, *linear).finish();
  LearnedRounding rounding;
  rounding.group_size = 32;
  const AutoroundResult result = learn(20, 1, rounding, {&block_.q, &block_.gate});
  EXPECT_GT(result.best, 0);
  EXPECT_LT(result.losses[static_cast<std::size_t>(result.best)], result.losses[0]);
}

TEST_F(LearnRounding, NeedsASample) {
  inputs_ = targets_ = PackedStates{{}, 0, model_.hidden, kChunkRows, {}, {}};
  EXPECT_THROW(learn(1, 5, {}, {&block_.q}), DataError);
}

}  // namespace
}  // namespace msmodelslim
