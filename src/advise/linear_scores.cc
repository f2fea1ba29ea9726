#include "advise/linear_scores.h"

#include <algorithm>

#include "advise/model_walk.h"
#include "base/error.h"
#include "base/fnmatch.h"

namespace msmodelslim {

bool matches_any(const std::string& name, const std::vector<std::string>& patterns) {
  return patterns.empty() ||
         std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return python_fnmatch(name, pattern); });
}

std::vector<LayerScore> score_linears(const std::string& model_path,
                                      const std::vector<std::vector<std::int32_t>>& samples,
                                      ActivationMetric metric,
                                      const std::vector<std::string>& patterns, bool quiet) {
  ModelWalk walk(model_path);
  const ModelSpec& model = walk.model();
  std::vector<std::vector<const LinearSpec*>> chosen(model.blocks.size());
  std::size_t last = 0;  // behind the last block that is looked at
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    for (const LinearSpec* linear : model.blocks[i].linears())
      if (matches_any(linear->name, patterns)) chosen[i].push_back(linear);
    if (!chosen[i].empty()) last = i + 1;
  }
  if (last == 0)
    throw UsageError(fmt::format("no linear of the model matches {}", python_list(patterns)),
                     fmt::format("names look like {}", model.blocks[0].linears()[0]->name));
  PackedStates states = walk.begin(samples);
  Progress progress("analyze", static_cast<std::int64_t>(last), states.rows, quiet);
  std::vector<LayerScore> scores;
  for (std::size_t i = 0; i < last; ++i) {
    progress.at(static_cast<std::int64_t>(i), "looking at the inputs");
    Block block(model.blocks[i], walk.checkpoint());
    walk.enter_next_token(block, states);
    BlockState state;
    state.block = &block;
    ScoreTap tap(metric, model.dtype, chosen[i]);
    walk.pass(state, states, i + 1 < last, {&tap});
    walk.end_block(block);
    for (const LinearSpec* linear : chosen[i])
      if (const auto score = tap.score(linear->name)) scores.push_back({linear->name, *score, 0});
  }
  return scores;
}

}  // namespace msmodelslim
