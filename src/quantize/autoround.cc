#include "quantize/autoround.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/threads.h"
#include "forward/backward.h"
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
      : learned_(*job.learned), done_(*job.done), compute_(compute), others_(compute) {
    for (const auto& [name, linear] : done_) others_.add(name, &linear);
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
        learns(linear) ? learned_.at(linear.name())->weight() : frozen(linear);
    weight.multiply_back(dy, rows, accumulate, dx);
  }

 private:
  const ProductWeight& frozen(Linear& linear) {
    const auto known = frozen_.find(linear.name());
    if (known != frozen_.end()) return known->second;
    const auto quantized = done_.find(linear.name());
    if (quantized == done_.end())
      return frozen_.emplace(linear.name(), ProductWeight(linear, compute_)).first->second;
    const LinearSpec& spec = linear.spec();
    std::vector<float> values(static_cast<std::size_t>(spec.out * spec.in));
    dequantize_weight(quantized->second, values.data());
    return frozen_
        .emplace(linear.name(), ProductWeight(std::move(values), spec.out, spec.in, compute_))
        .first->second;
  }

  std::map<std::string, std::unique_ptr<LearnedLinear>>& learned_;
  const std::map<std::string, QuantizedLinear>& done_;
  DType compute_;
  CalibrationOp others_;
  std::map<std::string, ProductWeight> frozen_;
};

class Trainer {
 public:
  Trainer(const AutoroundJob& job, SampleOrder& order)
      : job_(job), order_(order), op_(job, job.model->dtype) {}

  AutoroundResult run() {
    const std::size_t count = job_.inputs->sequences.size();
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
      result_.losses.push_back(pass(samples, !last));
      log_debug("quant", "{}: iteration {}, loss {:.6g}", job_.block->spec->name, i,
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
    if (pass(samples, false) <= result_.losses.front()) return;
    for_each([](LearnedLinear& linear) {
      linear.use_start();
      linear.keep();
    });
    result_.best = 0;
  }

  // The samples in chunks of at most about kChunkRows rows: mean loss, and gradients if `learn`.
  double pass(const std::vector<std::size_t>& samples, bool learn) {
    double total = 0;
    std::int64_t rows = 0;
    for (std::size_t i = 0; i < samples.size();) {
      Context context;
      context.rope = job_.rope;
      const std::int64_t chunk = gather(samples, &i, &context.sequences);
      total += run_chunk(context, chunk, learn);
      rows += chunk;
    }
    return total / static_cast<double>(rows * job_.inputs->width);
  }

  // Copies samples from number *i on into in_ and target_; returns their rows.
  std::int64_t gather(const std::vector<std::size_t>& samples, std::size_t* i,
                      std::vector<Sequence>* sequences) {
    const std::int64_t width = job_.inputs->width;
    std::int64_t rows = 0;
    in_.clear();
    target_.clear();
    for (; *i < samples.size(); ++*i) {
      const Sequence& s = job_.inputs->sequences[samples[*i]];
      if (rows > 0 && rows + s.rows > kChunkRows) break;
      const float* from = job_.inputs->values.data() + s.begin * width;
      const float* to = job_.targets->values.data() + s.begin * width;
      in_.insert(in_.end(), from, from + s.rows * width);
      target_.insert(target_.end(), to, to + s.rows * width);
      sequences->push_back({rows, s.rows, s.position});
      rows += s.rows;
    }
    return rows;
  }

  double run_chunk(Context& context, std::int64_t rows, bool learn) {
    TraceOp tracing(op_, trace_);
    context.linear_op = &op_;
    if (learn) context.linear_op = &tracing;
    out_.resize(in_.size());
    run_block(*job_.model, *job_.block, in_.data(), out_.data(), rows, context, workspace_);
    const double loss = errors(rows);
    if (learn)
      run_block_backward(*job_.model, *job_.block, trace_, in_.data(), out_.data(), rows, context,
                         op_, backward_);
    return loss;
  }

  // The loss; out_ becomes its gradient, but for a factor.
  double errors(std::int64_t rows) {
    const std::int64_t width = job_.inputs->width;
    std::vector<double> sums(static_cast<std::size_t>(rows));
    parallel_for(rows, [&](std::int64_t r) {
      float* out = out_.data() + r * width;
      const auto error = job_.squared_loss ? squared_error : absolute_error;
      sums[static_cast<std::size_t>(r)] = error(out, target_.data() + r * width, out, width);
    });
    return std::accumulate(sums.begin(), sums.end(), 0.0);
  }

  const AutoroundJob& job_;
  SampleOrder& order_;
  LearningOp op_;
  AutoroundResult result_;
  std::vector<float> in_, target_, out_;  // of a chunk
  BlockTrace trace_;
  Workspace workspace_;
  BackwardWorkspace backward_;
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
