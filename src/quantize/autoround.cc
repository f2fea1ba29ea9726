#include "quantize/autoround.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "kernels/grad/ops.h"
#include "quantize/linear_quantizer.h"

namespace msmodelslim {
namespace {

constexpr std::size_t kSamples = 8;  // of an iteration
constexpr std::size_t kWindow = 5;
constexpr double kMemory = 0.7;

const float* data_or_null(const std::vector<float>& values) {
  return values.empty() ? nullptr : values.data();
}

// The block's linears while it learns: learned ones with their weight of now, the others as they
// are.
class LearningOp : public LinearOp, public LinearGrad {
 public:
  LearningOp(const AutoroundJob& job, DType compute)
      : learned_(*job.learned), others_(compute), frozen_(*job.done, compute) {
    for (const auto& [name, linear] : *job.done) others_.add(name, &linear);
  }

  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override {
    if (learns(linear))
      learned_.at(linear.name())->weight().multiply(x, rows, data_or_null(linear.bias()), y);
    else
      others_.apply(linear, x, rows, sequences, y);
  }
  bool learns(const Linear& linear) const override { return learned_.count(linear.name()) > 0; }
  void weight_grad(const Linear& linear, const float* x, const float* dy,
                   std::int64_t rows) override {
    learned_.at(linear.name())->add_gradient(x, dy, rows);
  }
  void input_grad(Linear& linear, const float* dy, std::int64_t rows, bool accumulate,
                  float* dx) override {
    const ProductWeight& weight =
        learns(linear) ? learned_.at(linear.name())->weight() : frozen_.of(linear);
    weight.multiply_back(dy, rows, accumulate, dx);
  }

 private:
  std::map<std::string, std::unique_ptr<LearnedLinear>>& learned_;
  CalibrationOp others_;
  FrozenWeights frozen_;
};

class Trainer {
 public:
  Trainer(const AutoroundJob& job, SampleOrder& order)
      : job_(job),
        order_(order),
        op_(job, job.data.model->dtype),
        pass_(job.data, job.squared_loss ? squared_error : absolute_error, op_, op_) {}

  AutoroundResult run() {
    const std::size_t count = job_.data.inputs->sequences.size();
    if (count == 0)
      throw DataError("autoround_quant has no calibration sample", "use a larger calibration set");
    order_.draw(count, kSamples);  // the Python tool's, which it does not use
    BestLoss best;
    std::vector<std::size_t> first;
    for (int i = 0; i < job_.iters; ++i) {
      check_interrupted();
      const std::vector<std::size_t> samples = order_.draw(count, kSamples);
      if (i == 0) first = samples;
      const bool last = i + 1 == job_.iters;
      result_.losses.push_back(pass_.mean(samples, !last));
      log_debug("quant", "{}: iteration {}, loss {:.6g}", job_.data.block->spec->name, i,
                result_.losses.back());
      if (best.improves(result_.losses.back())) {
        result_.best = i;
        if (i > 0) for_each([](LearnedLinear& linear) { linear.keep(); });
      }
      if (last) break;
      const double decay = 1.0 - 1.0 / (job_.iters - i);
      for_each([&](LearnedLinear& linear) { linear.step(decay); });
    }
    if (result_.best > 0) defend_start(first);
    return std::move(result_);
  }

 private:
  template <typename Action>
  void for_each(const Action& action) {
    for (auto& [name, linear] : *job_.learned) action(*linear);
  }

  void defend_start(const std::vector<std::size_t>& samples) {
    for_each([](LearnedLinear& linear) { linear.use_kept(); });
    if (pass_.mean(samples, false) <= result_.losses.front()) return;
    for_each([](LearnedLinear& linear) {
      linear.use_start();
      linear.keep();
    });
    result_.best = 0;
  }

  const AutoroundJob& job_;
  SampleOrder& order_;
  LearningOp op_;
  LearningPass pass_;
  AutoroundResult result_;
};

}  // namespace

std::vector<std::size_t> SampleOrder::draw(std::size_t count, std::size_t wanted) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = 0; i + 1 < count; ++i)
    std::swap(order[i], order[i + generator_() % (count - i)]);
  order.resize(std::min(count, wanted));
  std::sort(order.begin(), order.end());
  return order;
}

bool BestLoss::improves(double loss) {
  const bool first = window_.empty();
  if (first) best_ = loss;
  if (window_.size() == kWindow) window_.pop_front();
  window_.push_back(loss);
  const double mean =
      std::accumulate(window_.begin(), window_.end(), 0.0) / static_cast<double>(window_.size());
  if (first || !(mean < best_)) return first;
  best_ = kMemory * best_ + (1 - kMemory) * mean;
  return true;
}

AutoroundResult learn_rounding(const AutoroundJob& job, SampleOrder& order) {
  return Trainer(job, order).run();
}

}  // namespace msmodelslim
