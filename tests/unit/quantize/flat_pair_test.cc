// Worked examples T-34 and T-35 of the quantizers reference, and the property that a transformed
// block computes the same.
#include "quantize/flat_pair.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/error.h"
#include "forward/run.h"
#include "model/build.h"
#include "quantize/flat_pair_learner.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

TEST(FlatSides, T34) {
  const std::vector<std::array<std::int64_t, 3>> examples = {
      {8, 2, 4},        {3584, 56, 64},    {4096, 64, 64},   {5120, 64, 80},
      {11008, 86, 128}, {14336, 112, 128}, {25600, 160, 160}};
  for (const auto& [width, m, n] : examples) {
    const auto sides = flat_sides(width);
    ASSERT_TRUE(sides) << width;
    EXPECT_EQ(sides->m, m) << width;
    EXPECT_EQ(sides->n, n) << width;
  }
  EXPECT_FALSE(flat_sides(18));  // twice an odd number is no difference of squares
}

class FlatBlock : public testing::TestWithParam<const char*> {
 protected:
  FlatBlock()
      : folder_(golden_dir() + "/models/" + GetParam()),
        checkpoint_(folder_),
        model_(build_model_spec(ModelConfig::read(folder_), checkpoint_)),
        block_(model_.blocks[0], checkpoint_) {}

  std::vector<float> run() {
    const RopeTable rope(model_.rope, 16);
    FloatLinearOp op(DType::kF32);
    Context context;
    context.rope = &rope;
    context.linear_op = &op;
    context.sequences = {{0, 9, 0}, {9, 3, 0}};
    std::mt19937 generator(1);
    std::normal_distribution<float> normal;
    std::vector<float> in(static_cast<std::size_t>(12 * model_.hidden));
    for (float& value : in) value = normal(generator);
    std::vector<float> out(in.size());
    Workspace workspace;
    run_block(model_, block_, in.data(), out.data(), 12, context, workspace);
    return out;
  }

  std::vector<FlatPair> pairs(const std::string& without = "") const {
    return flat_pairs(model_, model_.blocks[0], [&](const std::string& name) {
      return without.empty() || name.find(without) == std::string::npos;
    });
  }

  // Somewhere on the way: matrices that are not orthogonal, c that is not 1, nothing clipped.
  std::vector<FlatTransform> transforms(const std::vector<FlatPair>& of) {
    std::mt19937 generator(5);
    std::vector<FlatTransform> all;
    for (const FlatPair& pair : of) {
      FlatPairLearner learner(pair, generator);
      for (LearnedValues* parameter : learner.parameters())
        for (double& value : parameter->values)
          value += 0.3 * (static_cast<double>(generator() % 1000) / 1000 - 0.5);
      learner.refresh();
      all.push_back(learner.result());
    }
    return all;
  }

  std::string folder_;
  CheckpointReader checkpoint_;
  ModelSpec model_;
  Block block_;
};

void expect_near(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0;
  for (float value : b) largest = std::max(largest, std::fabs(value));
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-4F * largest) << i;
}

TEST_P(FlatBlock, ComputesTheSameWithoutQuantization) {
  const std::vector<float> before = run();
  fold_transforms(transforms(pairs()), DType::kF32, block_);
  for (const Linear* linear : block_.linears()) {
    EXPECT_TRUE(linear->input_rotation().flat) << linear->name();
    EXPECT_TRUE(linear->changed());
  }
  EXPECT_TRUE(block_.o.input_rotation().right.empty());
  EXPECT_EQ(block_.o.input_rotation().m, model_.heads);
  expect_near(run(), before);
}

TEST_P(FlatBlock, LeavesAPairAloneWithoutOneOfItsLinears) {
  const std::vector<float> before = run();
  const std::vector<FlatPair> some = pairs("k_proj");
  ASSERT_EQ(some.size(), 3U);
  fold_transforms(transforms(some), DType::kF32, block_);
  for (const Linear* linear : {&block_.q, &block_.k, &block_.v})
    EXPECT_TRUE(linear->input_rotation().is_identity());
  EXPECT_FALSE(block_.q.changed());
  EXPECT_FALSE(block_.k.changed());
  EXPECT_FALSE(block_.input_norm.changed);
  EXPECT_TRUE(block_.post_attention_norm.changed);
  expect_near(run(), before);
  EXPECT_EQ(pairs("up_proj").size(), 3U);
  EXPECT_EQ(pairs("_proj").size(), 0U);
}

// qwen2 has biases of q, k and v.
INSTANTIATE_TEST_SUITE_P(Models, FlatBlock, testing::Values("qwen2", "qwen3", "llama"));

// A pair of four inputs with the matrices of the example.
TEST(FlatPair, T35) {
  InputRotation online;
  online.m = online.n = 2;
  online.left = {.8F, -.6F, .6F, .8F};
  online.right = {2, 0, 1, .5F};
  online.flat = true;
  const std::vector<float> c = {1, 2, .5F, 4};
  std::vector<float> x = {1, 2, -1, .5F}, w = {.5F, -1, 2, .25F};
  double expected = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    expected += static_cast<double>(x[i] * w[i]);
    x[i] *= c[i];
    w[i] /= c[i];
  }
  std::vector<float> x_turned(4), w_turned(4);
  online.apply(x.data(), 1, x_turned.data());
  online.inverse().transposed().apply(w.data(), 1, w_turned.data());
  const std::vector<float> xs = {5.4F, 2.2F, -2.8F, -.4F}, ws = {1.4F, -3.525F, 1.45F, -2.2F};
  double product = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(x_turned[i], xs[i], 1e-5F);
    EXPECT_NEAR(w_turned[i], ws[i], 1e-5F);
    product += static_cast<double>(x_turned[i] * w_turned[i]);
  }
  EXPECT_NEAR(expected, -3.375, 1e-9);
  EXPECT_NEAR(product, -3.375, 1e-5);
}

}  // namespace
}  // namespace msmodelslim
