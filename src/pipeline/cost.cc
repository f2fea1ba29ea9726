#include "pipeline/cost.h"

#include <algorithm>

#include "quantize/flatquant.h"

namespace msmodelslim {
namespace {

using Samples = std::vector<std::vector<std::int32_t>>;

// Passes over the whole set that learning is worth: 8 samples an iteration, forward and backward.
double learning_passes(const AutoroundStep& step, std::size_t samples) {
  const double share = std::min(1.0, 8.0 / static_cast<double>(std::max<std::size_t>(1, samples)));
  return 3.0 * step.iters * share + (step.quantized_inputs ? 1 : 0);
}

// An epoch of flatquant: forward and backward, and once more for the loss.
constexpr double kFlatQuantPasses = 4.0 * kFlatEpochs;

// Of the whole calibration set through all blocks.
double passes_of(const Plan& plan, std::size_t samples) {
  double passes = 0;
  for (const Step& step : plan.steps) {
    passes += needs_data(step) ? 1 : 0;
    if (const auto* learned = std::get_if<AutoroundStep>(&step.value))
      passes += learning_passes(*learned, samples);
    if (std::holds_alternative<FlatQuantStep>(step.value)) passes += kFlatQuantPasses;
  }
  return passes;
}

double size_of(const std::vector<const LinearSpec*>& linears) {
  double weights = 0;
  for (const LinearSpec* linear : linears)
    weights += static_cast<double>(linear->in) * static_cast<double>(linear->out);
  return weights;
}

double tokens_of(const Samples& samples) {
  double tokens = 0;
  for (const auto& sample : samples) tokens += static_cast<double>(sample.size());
  return tokens;
}

// Of one pass through a block.
double attention_of(const ModelSpec& model, const BlockSpec& block, const Samples& samples) {
  if (block.delta) return 0;
  const auto key =
      static_cast<double>(block.mla ? block.mla->nope + block.mla->rope : model.head_dim);
  const auto value = static_cast<double>(block.mla ? block.mla->value : model.head_dim);
  const double heads = static_cast<double>(block.heads);
  double flop = 0;
  for (const auto& sample : samples) {
    const auto tokens = static_cast<double>(sample.size());
    const double seen =
        block.window > 0 ? std::min(tokens, static_cast<double>(block.window)) : tokens;
    flop += heads * (key + value) * seen * (2 * tokens - seen);
  }
  return flop;
}

// To read a weight, quantize and write it takes about as long.
constexpr double kWeightFlop = 400;

}  // namespace

double weights_per_token(const BlockSpec& block) {
  double weights = size_of(block.linears());
  if (!block.moe) return weights;
  double experts = 0;
  for (const MlpSpec& expert : block.moe->experts) experts += size_of(expert.linears());
  const double share =
      static_cast<double>(block.moe->per_token) / static_cast<double>(block.moe->choices());
  return weights - experts * (1 - share);
}

double weights_per_token(const ModelSpec& model) {
  double weights = 0;
  for (const BlockSpec& block : model.blocks) weights += weights_per_token(block);
  return weights;
}

double calibration_flop(const ModelSpec& model, const Plan& plan, const Samples& samples) {
  return 2 * weights_per_token(model) * tokens_of(samples) * passes_of(plan, samples.size());
}

double attention_flop(const ModelSpec& model, const Plan& plan, const Samples& samples) {
  double flop = 0;
  for (const BlockSpec& block : model.blocks) flop += attention_of(model, block, samples);
  return flop * passes_of(plan, samples.size());
}

std::vector<double> block_costs(const ModelSpec& model, const Plan& plan, const Samples& samples) {
  const double passes = passes_of(plan, samples.size());
  std::vector<double> costs;
  for (const BlockSpec& block : model.blocks)
    costs.push_back(
        passes * 2 *
            (weights_per_token(block) * tokens_of(samples) + attention_of(model, block, samples)) +
        kWeightFlop * size_of(block.linears()));
  return costs;
}

}  // namespace msmodelslim
