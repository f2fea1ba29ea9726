#include "quantize/flatquant.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/threads.h"
#include "kernels/grad/ops.h"
#include "quantize/flat_linear.h"
#include "quantize/linear_quantizer.h"

namespace msmodelslim {
namespace {

constexpr std::int64_t kGrain = 1 << 14;
constexpr std::size_t kBatch = 4;
constexpr double kRate = 1e-3;
constexpr double kClipRate = 1e-2;
constexpr double kLeastRate = 1e-6;

// The block's linears while it learns. Taken together: the targets of a pair come in their order
// and read the same input, so that the first transforms it, and the last, when all have added to
// its gradient, turns that back.
class FlatOp : public LinearOp, public LinearGrad {
 public:
  FlatOp(const FlatQuantJob& job, std::mt19937& generator)
      : others_(job.data.model->dtype), frozen_(*job.done, job.data.model->dtype) {
    for (const auto& [name, linear] : *job.done) others_.add(name, &linear);
    for (const FlatPair& pair : *job.pairs)
      pairs_.push_back(std::make_unique<FlatPairLearner>(pair, generator));
    std::map<std::string, FlatPairLearner*> inputs;
    FlatPairLearner* values = nullptr;
    for (const auto& pair : pairs_) {
      for (const LinearSpec* target : pair->pair().targets) inputs[target->name] = pair.get();
      if (pair->pair().kind == FlatKind::kAttentionOut) values = pair.get();
    }
    for (Linear* linear : job.data.block->linears()) {
      const auto input = inputs.find(linear->name());
      FlatPairLearner* own = input == inputs.end() ? nullptr : input->second;
      FlatPairLearner* output = linear == &job.data.block->v ? values : nullptr;
      if (own != nullptr || output != nullptr)
        linears_.emplace(linear->name(),
                         std::make_unique<FlatLinear>(*linear, own, output, job.data.model->dtype));
    }
  }

  void apply(Linear& linear, const float* x, std::int64_t rows,
             const std::vector<Sequence>& sequences, float* y) override {
    if (!learns(linear)) {
      others_.apply(linear, x, rows, sequences, y);
      return;
    }
    const FlatLinear& learned = *linears_.at(linear.name());
    FlatPairLearner* input = learned.input();
    if (input != nullptr && input->is_first(linear.spec())) input->forward(x, rows);
    learned.weight().multiply(input == nullptr ? x : input->input(), rows,
                              learned.bias().empty() ? nullptr : learned.bias().data(), y);
  }
  bool learns(const Linear& linear) const override { return linears_.count(linear.name()) > 0; }
  void weight_grad(const Linear& linear, const float* x, const float* dy,
                   std::int64_t rows) override {
    FlatLinear& learned = *linears_.at(linear.name());
    FlatPairLearner* input = learned.input();
    learned.add_gradient(input == nullptr ? x : input->input(), dy, rows);
    if (input == nullptr) return;
    learned.weight().multiply_back(dy, rows, !input->is_first(linear.spec()),
                                   input->gradient(rows));
    if (input->is_last(linear.spec())) input->backward(x, rows);
  }
  void input_grad(Linear& linear, const float* dy, std::int64_t rows, bool accumulate,
                  float* dx) override {
    if (!learns(linear)) {
      frozen_.of(linear).multiply_back(dy, rows, accumulate, dx);
      return;
    }
    // The pair's is whole by now; the first target hands it over.
    FlatPairLearner* input = linears_.at(linear.name())->input();
    if (!input->is_first(linear.spec())) return;
    const float* from = input->gradient(rows);
    parallel_ranges(rows * linear.spec().in, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) dx[i] = accumulate ? dx[i] + from[i] : from[i];
    });
  }

  void step(double rate, double clip_rate, int t, double share) {
    for (auto& [name, linear] : linears_) linear->backward();
    for (auto& pair : pairs_) pair->step(rate, clip_rate, t, share);
    for (auto& [name, linear] : linears_) linear->step(clip_rate, t, share);
  }
  void keep() {
    for (auto& pair : pairs_) pair->keep();
    for (auto& [name, linear] : linears_) linear->keep();
  }
  void use_kept() {
    for (auto& pair : pairs_) pair->use_kept();
    for (auto& [name, linear] : linears_) linear->use_kept();
  }
  std::vector<FlatTransform> transforms() const {
    std::vector<FlatTransform> all;
    for (const auto& pair : pairs_) {
      all.push_back(pair->result());
      for (const LinearSpec* target : pair->pair().targets)
        all.back().weight_clips.push_back(linears_.at(target->name)->clips());
    }
    return all;
  }

 private:
  std::vector<std::unique_ptr<FlatPairLearner>> pairs_;
  std::map<std::string, std::unique_ptr<FlatLinear>> linears_;
  CalibrationOp others_;
  FrozenWeights frozen_;
};

std::vector<std::vector<std::size_t>> batches_of(std::size_t count) {
  std::vector<std::vector<std::size_t>> batches;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % kBatch == 0) batches.emplace_back();
    batches.back().push_back(i);
  }
  return batches;
}

}  // namespace

FlatQuantResult learn_transforms(const FlatQuantJob& job, std::mt19937& generator) {
  const std::string& name = job.data.block->spec->name;
  const std::size_t count = job.data.inputs->sequences.size();
  if (count == 0)
    throw DataError("flatquant has no calibration sample", "use a larger calibration set");
  FlatOp op(job, generator);
  LearningPass pass(job.data, squared_error, op, op);
  std::vector<std::size_t> all(count);
  std::iota(all.begin(), all.end(), std::size_t{0});
  FlatQuantResult result;
  result.losses.push_back(pass.mean(all, false));
  if (!std::isfinite(result.losses.front()))
    throw DataError(fmt::format("{}: its inputs or weights have NaN or infinite values", name),
                    "a weight before it is damaged, or the model overflows; check the checkpoint");
  const auto length = static_cast<std::int64_t>(kFlatEpochs * count);
  WarmCosine rate(kRate, kLeastRate, length);
  WarmCosine clip_rate(kClipRate, kLeastRate, length);
  int t = 0;
  for (int epoch = 1; epoch <= kFlatEpochs; ++epoch) {
    for (const std::vector<std::size_t>& batch : batches_of(count)) {
      check_interrupted();
      const double loss = pass.sum(batch, true);
      if (loss > 0) op.step(rate.rate(), clip_rate.rate(), ++t, 1 / loss);
      rate.advance();
      clip_rate.advance();
    }
    result.losses.push_back(pass.mean(all, false));
    log_debug("quant", "{}: epoch {}, loss {:.6g}", name, epoch, result.losses.back());
    if (!(result.losses.back() < result.losses[static_cast<std::size_t>(result.best)])) continue;
    result.best = epoch;
    op.keep();
  }
  op.use_kept();
  result.transforms = op.transforms();
  return result;
}

}  // namespace msmodelslim
