#include "advise/alone_scores.h"

#include <algorithm>

#include "advise/linear_scores.h"
#include "base/error.h"

namespace msmodelslim {
namespace {

// What a candidate's score is of.
struct Named {
  Candidate candidate;
  std::vector<std::string> names;
};

std::vector<LayerScore> score(ModelWalk& walk, const LayerOptions& options,
                              const std::vector<Named>& parts, Loss loss) {
  if (parts.empty())
    throw UsageError("no linear of the model matches",
                     fmt::format("names look like {}", walk.model().blocks[0].linears()[0]->name));
  std::vector<Candidate> candidates;
  candidates.reserve(parts.size());
  for (const Named& part : parts) candidates.push_back(part.candidate);
  const std::vector<CandidateLoss> losses =
      measure_candidates(walk, options.samples, candidates, loss == Loss::kKl, options.quiet);
  std::vector<LayerScore> scores;
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (const std::string& name : parts[i].names) {
      if (loss == Loss::kKl)
        scores.push_back({name, losses[i].kl.mean, losses[i].kl.error});
      else
        scores.push_back({name, losses[i].mse, 0});
    }
  return scores;
}

}  // namespace

std::vector<LayerScore> score_layers_alone(const LayerOptions& options, Loss loss) {
  ModelWalk walk(options.model_path);
  std::vector<Named> parts;
  for (std::size_t i = 0; i < walk.model().decoders(); ++i) {
    const BlockSpec& block = walk.model().blocks[i];
    Named part{{i, {}, &options.probe}, {block.name}};
    for (const LinearSpec* linear : block.linears())
      if (options.probe.filter.selects(linear->name)) part.candidate.linears.insert(linear->name);
    if (!part.candidate.linears.empty()) parts.push_back(std::move(part));
  }
  std::vector<LayerScore> scores = score(walk, options, parts, loss);
  join_names(&scores);
  return scores;
}

std::vector<LayerScore> score_linears_alone(const LayerOptions& options,
                                            const std::vector<std::string>& patterns, Loss loss) {
  ModelWalk walk(options.model_path);
  std::vector<Named> parts;
  for (std::size_t i = 0; i < walk.model().decoders(); ++i)
    for (const LinearSet& set : linear_sets(walk.model().blocks[i])) {
      Named part{{i, {}, &options.probe}, {}};
      for (const LinearSpec* linear : set.linears) {
        if (!matches_any(linear->name, patterns)) continue;
        part.candidate.linears.insert(linear->name);
        part.names.push_back(linear->name);
      }
      if (!part.names.empty()) parts.push_back(std::move(part));
    }
  return score(walk, options, parts, loss);
}

}  // namespace msmodelslim
