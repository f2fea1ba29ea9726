// The gradient of every weight of a block against differences of its forward pass.
#include "forward/backward.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "forward/run.h"
#include "model/build.h"
#include "random_values.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

// Gathers the gradients of the linears in `wanted`.
class Gradients : public LinearGrad {
 public:
  explicit Gradients(std::vector<const Linear*> wanted) : wanted_(std::move(wanted)) {}
  bool learns(const Linear& linear) const override {
    return std::find(wanted_.begin(), wanted_.end(), &linear) != wanted_.end();
  }
  void weight_grad(const Linear& linear, const float* x, const float* dy,
                   std::int64_t rows) override {
    const LinearSpec& spec = linear.spec();
    std::vector<float>& g = gradients[linear.name()];
    g.resize(static_cast<std::size_t>(spec.out * spec.in));
    weight_gradient(DType::kF32, dy, x, rows, spec.out, spec.in, false, g.data());
  }
  void input_grad(Linear& linear, const float* dy, std::int64_t rows, bool accumulate,
                  float* dx) override {
    ++input_grads;
    ProductWeight(linear, DType::kF32).multiply_back(dy, rows, accumulate, dx);
  }
  std::map<std::string, std::vector<float>> gradients;
  int input_grads = 0;

 private:
  std::vector<const Linear*> wanted_;
};

class BlockGrad : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string folder = golden_dir() + "/models/" + GetParam();
    checkpoint_ = std::make_unique<CheckpointReader>(folder);
    model_ = build_model_spec(ModelConfig::read(folder), *checkpoint_);
    block_ = std::make_unique<Block>(model_.blocks[0], *checkpoint_);
    rope_ = std::make_unique<RopeTable>(model_.rope, 20);
    context_.rope = rope_.get();
    context_.sequences = {{0, 7, 0}, {7, 1, 0}, {8, 13, 3}};
    in_ = random_values(kRows * model_.hidden, 1);
    dout_ = random_values(kRows * model_.hidden, 2);
  }

  // sum(dout * block(in)); the trace is that of this run.
  double loss() {
    FloatLinearOp op(DType::kF32);
    TraceOp tracing(op, trace_);
    context_.linear_op = &tracing;
    std::vector<float> out(in_.size());
    run_block(model_, *block_, in_.data(), out.data(), kRows, context_, workspace_);
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i)
      sum += static_cast<double>(out[i]) * static_cast<double>(dout_[i]);
    return sum;
  }

  void run_backward(Gradients& gradients) {
    run_block_backward(model_, *block_, trace_, in_.data(), dout_.data(), kRows, context_,
                       gradients, backward_);
  }

  static constexpr std::int64_t kRows = 21;
  std::unique_ptr<CheckpointReader> checkpoint_;
  ModelSpec model_;
  std::unique_ptr<Block> block_;
  std::unique_ptr<RopeTable> rope_;
  Context context_;
  BlockTrace trace_;
  Workspace workspace_;
  BackwardWorkspace backward_;
  std::vector<float> in_, dout_;
};

TEST_P(BlockGrad, AgreesWithDifferencesAlongRandomDirections) {
  loss();
  const std::vector<Linear*> all = block_->linears();
  Gradients gradients({all.begin(), all.end()});
  run_backward(gradients);
  unsigned seed = 3;
  for (Linear* linear : all) {
    const std::vector<float>& g = gradients.gradients.at(linear->name());
    const std::vector<float> direction = random_values(g.size(), seed++);
    double expected = 0;
    double norm = 0;
    for (std::size_t i = 0; i < g.size(); ++i) {
      expected += static_cast<double>(g[i]) * static_cast<double>(direction[i]);
      norm += static_cast<double>(g[i]) * static_cast<double>(g[i]);
    }
    float* weight = linear->mutable_weight();
    const std::vector<float> before(weight, weight + g.size());
    constexpr float kStep = 1e-3F;
    const auto at = [&](float step) {
      for (std::size_t i = 0; i < g.size(); ++i) weight[i] = before[i] + step * direction[i];
      return loss();
    };
    const double measured = (at(kStep) - at(-kStep)) / (2 * static_cast<double>(kStep));
    at(0);
    EXPECT_NEAR(measured, expected, 0.01 * std::sqrt(norm)) << linear->name();
  }
}

TEST_P(BlockGrad, StopsWhereNothingLearns) {
  loss();
  Gradients down({&block_->down});
  run_backward(down);
  EXPECT_EQ(down.input_grads, 0);
  EXPECT_EQ(down.gradients.size(), 1U);
  Gradients up({&block_->up});
  run_backward(up);
  EXPECT_EQ(up.input_grads, 1);
  Gradients o({&block_->o});
  run_backward(o);
  EXPECT_EQ(o.input_grads, 3);
  Gradients v({&block_->v});
  run_backward(v);
  EXPECT_EQ(v.input_grads, 4);
  EXPECT_EQ(v.gradients.size(), 1U);
}

// qwen2: biases of q, k and v; qwen3: norms of q and k; llama: neither.
INSTANTIATE_TEST_SUITE_P(Models, BlockGrad, testing::Values("qwen2", "qwen3", "llama"));

TEST(ProductWeightBack, FillsAndMultipliesBackInEveryDtype) {
  const std::int64_t rows = 3, out = 20, in = 9;
  const std::vector<float> values = random_values(out * in, 5);
  const std::vector<float> dy = random_values(rows * out, 6);
  for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    ProductWeight weight(out, in, dtype);
    weight.fill([&](std::int64_t i, float* to) { std::copy_n(values.data() + i * in, in, to); });
    std::vector<float> dx(static_cast<std::size_t>(rows * in), 1.0F);
    weight.multiply_back(dy.data(), rows, true, dx.data());
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t j = 0; j < in; ++j) {
        double sum = 1;
        for (std::int64_t i = 0; i < out; ++i)
          sum += static_cast<double>(dy[static_cast<std::size_t>(r * out + i)]) *
                 static_cast<double>(values[static_cast<std::size_t>(i * in + j)]);
        EXPECT_NEAR(dx[static_cast<std::size_t>(r * in + j)], sum,
                    dtype == DType::kF32 ? 1e-5 : 0.1);
      }
  }
}

}  // namespace
}  // namespace msmodelslim
