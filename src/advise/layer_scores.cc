#include "advise/layer_scores.h"

#include <algorithm>

#include "advise/model_walk.h"
#include "advise/probe.h"
#include "base/error.h"
#include "base/threads.h"

namespace msmodelslim {

double mean_squared_error(const std::vector<Sequence>& sequences, std::int64_t width,
                          const float* a, const float* b) {
  std::vector<double> errors(sequences.size());
  parallel_for(static_cast<std::int64_t>(sequences.size()), [&](std::int64_t i) {
    const Sequence& s = sequences[static_cast<std::size_t>(i)];
    double sum = 0;
    for (std::int64_t j = s.begin * width; j < (s.begin + s.rows) * width; ++j) {
      const double d = static_cast<double>(a[j]) - static_cast<double>(b[j]);
      sum += d * d;
    }
    errors[static_cast<std::size_t>(i)] = sum / static_cast<double>(s.rows * width);
  });
  double sum = 0;
  for (const double error : errors) sum += error;
  return sum / static_cast<double>(errors.size());
}

std::vector<LayerScore> score_layers_by_output(const LayerOptions& options) {
  ModelWalk walk(options.model_path);
  const ModelSpec& model = walk.model();
  const ProbeOp::Chosen chosen = [&](const LinearSpec& linear) {
    return options.probe.filter.selects(linear.name);
  };
  PackedStates states = walk.begin(options.samples);
  Progress progress("analyze", static_cast<std::int64_t>(model.blocks.size()), states.rows,
                    options.quiet);
  std::vector<LayerScore> scores;
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    progress.at(static_cast<std::int64_t>(i), "quantized and in float");
    const std::vector<const LinearSpec*> linears = model.blocks[i].linears();
    const bool touched = std::any_of(linears.begin(), linears.end(),
                                     [&](const LinearSpec* linear) { return chosen(*linear); });
    Block block(model.blocks[i], walk.checkpoint());
    walk.enter_next_token(block, states);
    PackedStates quantized = touched ? states : PackedStates();
    if (touched) {
      ProbeOp op(options.probe, chosen, model.dtype);
      walk.run(block, op, quantized);
    }
    FloatLinearOp op(model.dtype);
    walk.run(block, op, states);
    walk.end_block(block);
    if (touched)
      scores.push_back({model.blocks[i].name,
                        mean_squared_error(states.sequences, states.width, states.values.data(),
                                           quantized.values.data()),
                        0});
  }
  if (scores.empty())
    throw UsageError(fmt::format("no linear of the model matches {}",
                                 python_list(options.probe.filter.include())),
                     fmt::format("names look like {}", model.blocks[0].linears()[0]->name));
  join_names(&scores);
  return scores;
}

}  // namespace msmodelslim
