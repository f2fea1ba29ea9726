#include "eval/perplexity.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/error.h"
#include "base/interrupt.h"
#include "eval/scored_model.h"
#include "kernels/prediction_scores.h"

namespace msmodelslim {
namespace {

// `reference` (nothing: perplexity alone) has run on the windows, `model` too.
PerplexityResult score(ScoredModel& model, ScoredModel* reference, const Windows& windows) {
  PredictionScores scores;
  std::int64_t row = 0;
  std::vector<float> mine;
  std::vector<float> theirs;
  for (const auto& window : windows) {
    const auto length = static_cast<std::int64_t>(window.size());
    for (std::int64_t begin = 0; begin + 1 < length; begin += kLogitRows) {
      check_interrupted();
      const std::int64_t rows = std::min(kLogitRows, length - 1 - begin);
      model.log_probabilities(row + begin, rows, mine);
      if (reference) reference->log_probabilities(row + begin, rows, theirs);
      scores.add(mine.data(), reference ? theirs.data() : nullptr, window.data() + begin + 1, rows,
                 model.spec().vocab);
    }
    row += length;
  }
  PerplexityResult result;
  result.windows = static_cast<std::int64_t>(windows.size());
  result.predictions = static_cast<std::int64_t>(scores.nll.size());
  result.perplexity = std::exp(mean_error(scores.nll).mean);
  if (reference) {
    result.float_perplexity = std::exp(mean_error(scores.reference_nll).mean);
    result.nll_difference = mean_difference(scores.nll, scores.reference_nll);
    result.kl = mean_error(scores.kl);
    result.top1_agreement =
        static_cast<double>(scores.same) / static_cast<double>(scores.nll.size());
  }
  return result;
}

}  // namespace

std::vector<PerplexityResult> evaluate_perplexity(const PerplexityOptions& options,
                                                  std::span<const std::int32_t> ids) {
  const Windows windows = cut_windows(ids, options.seqlen, options.windows);
  std::unique_ptr<ScoredModel> reference;
  if (options.float_path) {
    reference = std::make_unique<ScoredModel>(*options.float_path);
    reference->run(windows);
  }
  std::vector<PerplexityResult> results;
  for (const std::string& path : options.model_paths) {
    ScoredModel model(path, options.load);
    if (reference && reference->spec().vocab != model.spec().vocab)
      throw DataError(fmt::format("{} has {} vocabulary entries, {} has {}", *options.float_path,
                                  reference->spec().vocab, path, model.spec().vocab),
                      "--float_path must be the model that was quantized");
    model.run(windows);
    results.push_back(score(model, reference.get(), windows));
  }
  return results;
}

}  // namespace msmodelslim
