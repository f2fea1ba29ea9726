// The learner's gradients against differences, and what training promises: better than its start
// for any number of samples of any length, and the same for any number of threads.
#include "quantize/flatquant.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/error.h"
#include "base/threads.h"
#include "model/build.h"
#include "quantize/flat_linear.h"
#include "random_values.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

class FlatLearning : public testing::Test {
 protected:
  FlatLearning()
      : checkpoint_(golden_dir() + "/models/qwen2"),
        model_(build_model_spec(ModelConfig::read(golden_dir() + "/models/qwen2"), checkpoint_)),
        block_(model_.blocks[0], checkpoint_),
        rope_(model_.rope, 64),
        pairs_(flat_pairs(model_, model_.blocks[0], [](const std::string&) { return true; })) {}

  // Differences of `loss` for some entries of every parameter against its gradient.
  template <typename Loss>
  void expect_gradients(FlatPairLearner& learner, const Loss& loss) {
    learner.gather_gradients();
    constexpr double kStep = 1e-3;
    for (LearnedValues* parameter : learner.parameters())
      for (std::size_t i = 1; i < parameter->values.size(); i += 37) {
        const double before = parameter->values[i];
        const auto at = [&](double value) {
          parameter->values[i] = value;
          learner.refresh();
          return loss();
        };
        const double measured = (at(before + kStep) - at(before - kStep)) / (2 * kStep);
        at(before);
        EXPECT_NEAR(measured, parameter->gradient[i], 0.02 + 0.02 * std::fabs(measured)) << i;
      }
  }

  FlatQuantResult learn(std::initializer_list<std::int32_t> lengths,
                        const std::vector<FlatPair>& of, Block& block) {
    std::mt19937 tokens(3);
    std::vector<std::vector<std::int32_t>> samples;
    for (std::int32_t length : lengths) {
      samples.emplace_back();
      for (std::int32_t i = 0; i < length; ++i)
        samples.back().push_back(static_cast<std::int32_t>(tokens() % 300));
    }
    const PackedStates inputs = embed_samples(model_, checkpoint_, samples);
    PackedStates targets = inputs;
    FloatLinearOp op(DType::kF32);
    Workspace workspace;
    run_block_on(model_, block, targets, true, rope_, op, {}, workspace);
    FlatQuantJob job;
    job.data = {&model_, &block, &inputs, &targets, &rope_};
    job.pairs = &of;
    job.done = &done_;
    std::mt19937 generator(42);
    return learn_transforms(job, generator);
  }

  CheckpointReader checkpoint_;
  ModelSpec model_;
  Block block_;
  RopeTable rope_;
  std::vector<FlatPair> pairs_;
  std::map<std::string, QuantizedLinear> done_;
};

TEST_F(FlatLearning, WeightGradientsAgreeWithDifferences) {
  std::mt19937 generator(1);
  FlatPairLearner learner(pairs_[2], generator);
  const LinearSpec& spec = block_.up.spec();
  const std::vector<float> d = random_values(spec.out * spec.in, 2);
  std::vector<float> divided(d.size()), out(d.size());
  const auto loss = [&] {
    learner.divide_weight(block_.up.weight(), spec.out, divided.data());
    learner.transform_weight(divided.data(), spec.out, out.data());
    return dot(out, d);
  };
  loss();
  std::vector<float> back = d;
  learner.weight_backward(block_.up.weight(), divided.data(), spec.out, back.data());
  expect_gradients(learner, loss);
}

TEST_F(FlatLearning, ValueGradientsAgreeWithDifferences) {
  std::mt19937 generator(1);
  FlatPairLearner learner(pairs_[1], generator);
  const LinearSpec& spec = block_.v.spec();
  const std::vector<float> d = random_values(spec.out * spec.in, 2);
  std::vector<float> out(d.size());
  const auto loss = [&] {
    learner.turn_values(block_.v.weight(), spec.out, spec.in, out.data());
    return dot(out, d);
  };
  std::vector<float> back = d;
  learner.turn_values_backward(block_.v.weight(), spec.out, spec.in, back.data());
  expect_gradients(learner, loss);
}

// The rounding of the activations passes straight through: with its errors held fast, what is left
// of the input is the transform and the scale.
TEST_F(FlatLearning, ActivationGradientsAgreeWithDifferences) {
  std::mt19937 generator(1);
  FlatPairLearner learner(pairs_[3], generator);
  const std::int64_t rows = 5;
  const std::int64_t width = block_.down.spec().in;
  const std::vector<float> x = random_values(rows * width, 2), d = random_values(rows * width, 3);
  const auto transformed = [&](const FlatTransform& t) {
    std::vector<float> scaled = x, turned(x.size());
    for (std::size_t i = 0; i < scaled.size(); ++i)
      scaled[i] *= static_cast<float>(t.c[i % static_cast<std::size_t>(width)]);
    InputRotation online;
    online.m = t.pair.sides.m;
    online.n = t.pair.sides.n;
    online.left.assign(t.left.begin(), t.left.end());
    online.right.assign(t.right.begin(), t.right.end());
    online.apply(scaled.data(), rows, turned.data());
    return turned;
  };
  const auto scale = [&](const std::vector<float>& turned, std::int64_t r, float ratio) {
    float largest = 0;
    for (std::int64_t j = 0; j < width; ++j)
      largest = std::max(largest, std::fabs(turned[static_cast<std::size_t>(r * width + j)]));
    return ratio * largest / 7;
  };
  const FlatTransform start = learner.result();
  const std::vector<float> base = transformed(start);
  const auto loss = [&] {
    const FlatTransform now = learner.result();
    const std::vector<float> turned = transformed(now);
    double sum = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      const float before = scale(base, r, start.clip_ratio);
      const float after = scale(turned, r, now.clip_ratio);
      for (std::int64_t j = r * width; j < (r + 1) * width; ++j) {
        const auto at = static_cast<std::size_t>(j);
        const float error = std::nearbyint(base[at] / before) - base[at] / before;
        sum += static_cast<double>(d[at] * (turned[at] + after * error));
      }
    }
    return sum;
  };
  learner.forward(x.data(), rows);
  std::copy(d.begin(), d.end(), learner.gradient(rows));
  learner.backward(x.data(), rows);
  expect_gradients(learner, loss);
}

TEST_F(FlatLearning, GetsBetterWithSamplesOfDifferentLengths) {
  const FlatQuantResult result = learn({11, 1, 40, 23, 9, 17}, pairs_, block_);
  ASSERT_EQ(result.losses.size(), 11U);
  EXPECT_GT(result.best, 0);
  EXPECT_LT(result.losses[static_cast<std::size_t>(result.best)], 0.95 * result.losses.front());
  ASSERT_EQ(result.transforms.size(), 4U);
  EXPECT_EQ(result.transforms[0].weight_clips.size(), 3U);
  EXPECT_TRUE(result.transforms[1].c.empty());
}

TEST_F(FlatLearning, UsesFewerThanFourSamples) {
  const FlatQuantResult result = learn({30, 7}, pairs_, block_);
  EXPECT_NE(result.losses.back(), result.losses.front());  // it moved
  EXPECT_LE(result.losses[static_cast<std::size_t>(result.best)], result.losses.front());
}

TEST_F(FlatLearning, LearnsSomePairsOnly) {
  const std::vector<FlatPair> some = {pairs_[1], pairs_[3]};  // v is turned, not quantized
  const FlatQuantResult result = learn({30, 7, 12, 5}, some, block_);
  EXPECT_LT(result.losses[static_cast<std::size_t>(result.best)], result.losses.front());
  EXPECT_THROW(learn({}, pairs_, block_), DataError);
}

TEST_F(FlatLearning, DoesNotDependOnTheNumberOfThreads) {
  const int before = thread_count();
  set_thread_count(1);
  const FlatQuantResult one = learn({11, 40, 23}, pairs_, block_);
  set_thread_count(3);
  const FlatQuantResult three = learn({11, 40, 23}, pairs_, block_);
  set_thread_count(before);
  EXPECT_EQ(one.losses, three.losses);
  for (std::size_t i = 0; i < one.transforms.size(); ++i) {
    EXPECT_EQ(one.transforms[i].left, three.transforms[i].left);
    EXPECT_EQ(one.transforms[i].c, three.transforms[i].c);
  }
}

TEST_F(FlatLearning, RefusesInputsThatAreNotNumbers) {
  block_.down.mutable_weight()[0] = std::nanf("");
  EXPECT_THROW(learn({5, 6}, pairs_, block_), DataError);
}

}  // namespace
}  // namespace msmodelslim
