#include "quantize/learning_pass.h"

#include <numeric>

#include "base/threads.h"

namespace msmodelslim {

const ProductWeight& FrozenWeights::of(Linear& linear) {
  const auto known = weights_.find(linear.name());
  if (known != weights_.end()) return known->second;
  const auto quantized = done_.find(linear.name());
  if (quantized == done_.end())
    return weights_.emplace(linear.name(), ProductWeight(linear, compute_)).first->second;
  const LinearSpec& spec = linear.spec();
  std::vector<float> values(static_cast<std::size_t>(spec.out * spec.in));
  dequantize_weight(quantized->second, values.data());
  return weights_
      .emplace(linear.name(), ProductWeight(std::move(values), spec.out, spec.in, compute_))
      .first->second;
}

double LearningPass::sum(const std::vector<std::size_t>& samples, bool learn) {
  double total = 0;
  for (std::size_t i = 0; i < samples.size();) {
    Context context;
    context.rope = data_.rope;
    const std::int64_t rows = gather(samples, &i, &context.sequences);
    total += run_chunk(context, rows, learn);
  }
  return total;
}

double LearningPass::mean(const std::vector<std::size_t>& samples, bool learn) {
  std::int64_t rows = 0;
  for (std::size_t sample : samples) rows += data_.inputs->sequences[sample].rows;
  return sum(samples, learn) / static_cast<double>(rows * data_.inputs->width);
}

// Copies samples from number *i on into in_ and target_; returns their rows.
std::int64_t LearningPass::gather(const std::vector<std::size_t>& samples, std::size_t* i,
                                  std::vector<Sequence>* sequences) {
  const std::int64_t width = data_.inputs->width;
  std::int64_t rows = 0;
  in_.clear();
  target_.clear();
  for (; *i < samples.size(); ++*i) {
    const Sequence& s = data_.inputs->sequences[samples[*i]];
    if (rows > 0 && rows + s.rows > kChunkRows) break;
    const float* from = data_.inputs->values.data() + s.begin * width;
    const float* to = data_.targets->values.data() + s.begin * width;
    in_.insert(in_.end(), from, from + s.rows * width);
    target_.insert(target_.end(), to, to + s.rows * width);
    sequences->push_back({rows, s.rows, s.position});
    rows += s.rows;
  }
  return rows;
}

double LearningPass::run_chunk(Context& context, std::int64_t rows, bool learn) {
  TraceOp tracing(op_, trace_);
  context.linear_op = &op_;
  if (learn) context.linear_op = &tracing;
  out_.resize(in_.size());
  run_block(*data_.model, *data_.block, in_.data(), out_.data(), rows, context, workspace_);
  const double loss = errors(rows);
  if (learn)
    run_block_backward(*data_.model, *data_.block, trace_, in_.data(), out_.data(), rows, context,
                       grads_, backward_);
  return loss;
}

// out_ becomes its gradient.
double LearningPass::errors(std::int64_t rows) {
  const std::int64_t width = data_.inputs->width;
  std::vector<double> sums(static_cast<std::size_t>(rows));
  parallel_for(rows, [&](std::int64_t r) {
    float* out = out_.data() + r * width;
    sums[static_cast<std::size_t>(r)] = error_(out, target_.data() + r * width, out, width);
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace msmodelslim
