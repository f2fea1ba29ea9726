#include "cli/estimate.h"

#include <algorithm>
#include <vector>

#include "cli/machine.h"
#include "quantize/flatquant.h"

namespace msmodelslim {
namespace {

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

}  // namespace

double weights_per_token(const ModelSpec& model) {
  const auto size = [](const std::vector<const LinearSpec*>& linears) {
    double weights = 0;
    for (const LinearSpec* linear : linears)
      weights += static_cast<double>(linear->in) * static_cast<double>(linear->out);
    return weights;
  };
  double weights = 0;
  for (const BlockSpec& block : model.blocks) {
    weights += size(block.linears());
    if (!block.moe) continue;
    double experts = 0;
    for (const MlpSpec& expert : block.moe->experts) experts += size(expert.linears());
    const double share =
        static_cast<double>(block.moe->per_token) / static_cast<double>(block.moe->choices());
    weights -= experts * (1 - share);
  }
  return weights;
}

double calibration_flop(const ModelSpec& model, const Plan& plan,
                        const std::vector<std::vector<std::int32_t>>& samples) {
  double tokens = 0;
  for (const auto& sample : samples) tokens += static_cast<double>(sample.size());
  return 2 * weights_per_token(model) * tokens * passes_of(plan, samples.size());
}

double attention_flop(const ModelSpec& model, const Plan& plan,
                      const std::vector<std::vector<std::int32_t>>& samples) {
  double flop = 0;
  for (const BlockSpec& block : model.blocks) {
    if (block.delta) continue;
    const auto key =
        static_cast<double>(block.mla ? block.mla->nope + block.mla->rope : model.head_dim);
    const auto value = static_cast<double>(block.mla ? block.mla->value : model.head_dim);
    const double heads = static_cast<double>(block.heads);
    for (const auto& sample : samples) {
      const auto tokens = static_cast<double>(sample.size());
      const double seen =
          block.window > 0 ? std::min(tokens, static_cast<double>(block.window)) : tokens;
      flop += heads * (key + value) * seen * (2 * tokens - seen);
    }
  }
  return flop * passes_of(plan, samples.size());
}

double estimate_seconds(const ModelSpec& model, const Plan& plan,
                        const std::vector<std::vector<std::int32_t>>& samples,
                        std::uint64_t bytes) {
  const double flop =
      calibration_flop(model, plan, samples) + 2 * attention_flop(model, plan, samples);
  return (flop > 0 ? flop / product_speed(model.dtype == DType::kBF16) : 0) +
         static_cast<double>(bytes) / 1e9;
}

}  // namespace msmodelslim
